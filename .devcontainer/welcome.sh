#!/usr/bin/env bash
# The first lines of a shell in the container.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
printf 'Scylla, in its container: %s\n' "$(pwd)" >&2
python -m scylla.cli.credentials_main show
cat >&2 <<'END'

  scylla doctor                    what works here, and what is missing
  scylla run --tiers-dir tests/fixtures/tests/test-001 --tiers T0 --runs 1 --offline -v
                                   an experiment without a login and without cost
  scylla run --tiers-dir tests/fixtures/tests/test-001 --tiers T0 T1 --runs 10 --dry-run
                                   what a larger one would do
  claude                           the agent CLI itself; /login keeps a login in this container

Results are written to results/, in your checkout. Ctrl-D leaves; the container stays.
END
