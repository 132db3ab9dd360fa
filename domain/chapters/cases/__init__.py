"""The case: from the accepted referral to its closing."""
