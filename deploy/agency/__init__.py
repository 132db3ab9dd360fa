"""The reference client of an agency's system. It imports nothing of the rest of the product: read it, and write your own."""
