"""The plan: its beginning, and its versions."""
