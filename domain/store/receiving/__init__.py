"""Taking in messages: what a sender wrote, read with the sender's own names, decided and answered."""
