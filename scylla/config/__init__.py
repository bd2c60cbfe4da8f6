"""Files people wrote → domain types, with problems that name file and key."""
