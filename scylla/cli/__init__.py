"""Arguments, progress, exit codes: the part people talk to. It wires all other parts together."""
