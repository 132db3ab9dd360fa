"""From a command that waits to bytes that are committed: one writer, its jobs and its memory."""
