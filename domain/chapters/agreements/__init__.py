"""Who said yes to a version of a plan, and when all had."""
