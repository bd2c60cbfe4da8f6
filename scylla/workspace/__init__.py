"""Pinned sources, private workspaces, and what an agent changed in them."""
