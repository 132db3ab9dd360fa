"""What `kuty` does, one file for each group of commands. `deploy/cli.py` reads the words."""
