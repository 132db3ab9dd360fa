"""The client's place at a site of a provider."""
