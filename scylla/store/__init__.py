"""The experiment folder and its SQLite file; one writer."""
