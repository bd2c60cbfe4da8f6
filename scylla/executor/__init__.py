"""Starting and ending processes: the only door to them."""
