"""The tables of one part of a ledger as a whole: copied out of their place, or made again in an empty one."""
