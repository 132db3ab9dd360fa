"""Organisations, providers and contracts."""
