#!/usr/bin/env bash
# In the container, at each start: makes the workspace the Scylla that every Python imports, puts the login in place and
# says which it is. It may run any number of times. Nothing depends on it: the runner looks for a login itself, and
# PYTHONPATH names the workspace where the environment is that of the container.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
mkdir -p "$HOME/.local/share"
ln -sfn "$(pwd)" "$HOME/.local/share/scylla-workspace"
if [ ! -w . ]; then
  printf '%s\n' "The workspace belongs to uid $(stat -c %u .) and cannot be written by $(id -un) ($(id -u)), so no results can." \
    "  → start the container as an ordinary user of the host, or: chown -R $(id -u) the checkout" >&2
fi
exec python -m scylla.cli.credentials_main post-start
