"""Settings, wiring, the command line, and everything that starts a part."""
