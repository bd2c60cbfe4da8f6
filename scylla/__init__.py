"""Scylla: does a change to a coding agent's set-up make it better, and is it worth the money?"""

__version__ = "0.1.0"
