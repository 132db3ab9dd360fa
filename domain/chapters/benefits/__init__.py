"""The benefit that the client lives on, who pays it, and what the payer is told of its conditions."""
