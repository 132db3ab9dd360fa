"""The OpenAPI document of the web door: what its routes declare, and what holds for all of them, said once."""
