"""Somebody asks for the service; the case that comes of it."""
