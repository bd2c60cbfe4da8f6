"""Frozen types and the arithmetic on them; no input or output of any kind."""
