"""The county's decision about the service."""
