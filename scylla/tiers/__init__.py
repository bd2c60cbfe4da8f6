"""Data only: the built-in tiers, read by `scylla.config.tiers`."""
