"""Functions, function versions and action versions."""
