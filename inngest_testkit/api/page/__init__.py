"""The web page of a dev server: its files, what it reads, and the stream that tells it what happens."""
