"""Run one step in its runtime."""
