"""Events on their way from the event API to the runner."""
