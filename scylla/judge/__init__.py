"""Grading: checks decided by commands, verdicts given by judges."""
