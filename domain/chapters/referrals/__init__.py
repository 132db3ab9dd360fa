"""Somebody asks for the service."""
