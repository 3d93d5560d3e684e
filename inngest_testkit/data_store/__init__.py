"""Functions, function versions, action versions and source keys."""
