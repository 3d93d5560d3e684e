"""From a queue item over the driver to the state and the next items."""
