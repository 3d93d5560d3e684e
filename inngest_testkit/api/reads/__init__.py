"""What the reading endpoints tell, REST and GraphQL alike: events, runs, traces, functions.

It comes from the engine's journal. Nothing here waits for the engine, which may be at work in another thread: what is
read is copied first.
"""
