"""What helps to test workflows beyond the engine itself."""
