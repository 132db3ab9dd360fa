"""The web door: commands in, read models and pages out."""
