"""Run an experiment: the same program as `scylla run`."""

import sys

from scylla.cli.main import main

if __name__ == "__main__":
    main(["run", *sys.argv[1:]])
