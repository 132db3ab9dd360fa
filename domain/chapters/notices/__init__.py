"""Whom the law wants told, and that it was done."""
