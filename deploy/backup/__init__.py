"""Backups of what no topic holds, and the way back from them (design D1)."""
