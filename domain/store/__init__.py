"""Where facts are kept: the record, its keys, the vault, the store."""
