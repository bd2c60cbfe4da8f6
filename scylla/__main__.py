"""`python -m scylla` is `scylla`."""

from scylla.cli.main import main

if __name__ == "__main__":
    main()
