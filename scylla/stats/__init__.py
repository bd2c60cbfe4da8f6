"""Records to numbers; touches no file."""
