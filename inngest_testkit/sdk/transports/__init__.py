"""The ways to an app, one module each, imported when an app is mounted."""
