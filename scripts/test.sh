#!/usr/bin/env bash
# All that must hold: linters, types, the import contracts, and every test. Installs what it needs first.
# Further arguments go to pytest (for example: scripts/test.sh -m 'not journey'). The tests of the dev container on a real
# engine are added by SCYLLA_REQUIRE_ENGINE=1; scripts/ci_devcontainer.sh runs them alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/install.sh dev
bin=.venv/bin
leave_out='not container'
if [ "${DEVCONTAINER:-}" = true ]; then
  bin=/usr/local/bin
  leave_out='not container and not newest'
fi
echo "ruff, mypy, import-linter, shellcheck …" >&2
"$bin/ruff" check .
"$bin/ruff" format --check --quiet .
"$bin/mypy"
"$bin/lint-imports" --no-cache >/dev/null || "$bin/lint-imports" --no-cache
git ls-files -z '*.sh' .ci/run ':!tests/fixtures' | xargs -0 "$bin/shellcheck"
"$bin/python" -m pytest -n 2 --dist loadgroup -m "$leave_out" "$@"
if [ "${SCYLLA_REQUIRE_ENGINE:-}" = 1 ]; then
  scripts/ci_devcontainer.sh -m container
fi
