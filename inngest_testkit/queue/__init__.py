"""Work on its way to the executor, by time."""
