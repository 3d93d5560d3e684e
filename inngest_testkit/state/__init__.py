"""Runs, step outputs, pauses and histories."""
