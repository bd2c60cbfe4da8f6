"""The story of an experiment: its runs, their schedule, resuming."""
