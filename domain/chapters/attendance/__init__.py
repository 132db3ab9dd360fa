"""The days: what each account says of them, and what the payer was told."""
