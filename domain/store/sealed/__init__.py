"""What nobody reads without a key: the keys, sealed events, the identity vault, opaque tokens."""
