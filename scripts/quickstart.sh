#!/usr/bin/env bash
# From a fresh clone to a first experiment: installs what is needed into the checkout and runs test-001 on the first
# three subtests of tier T0 with the built-in offline model. No login, no money. Further arguments go to the runner.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/install.sh"
cd "$root"
python=.venv/bin/python
if [ "${DEVCONTAINER:-}" = true ]; then
  python=python
fi
exec "$python" scripts/run_e2e_experiment.py \
  --tiers-dir tests/fixtures/tests/test-001 --tiers T0 --max-subtests 3 --runs 1 --offline "$@"
