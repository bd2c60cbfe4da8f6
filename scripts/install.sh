#!/usr/bin/env bash
# Installs what Scylla needs into the checkout: .venv (locked by hash) and .tools/claude (the pinned agent CLI).
# `scripts/install.sh dev` adds what the tests need, the MCP servers among it (.tools/mcp). A second call finds everything
# there and does nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=/dev/null disable=SC1091
. scripts/lib/install_steps.sh

install_python() { # install_python REQUIREMENTS MARKER
  local wanted
  wanted=$(stamp "$1" pyproject.toml)
  if is_installed ".venv/$2" "$wanted" && .venv/bin/python -c '' 2>/dev/null; then
    return
  fi
  say "Installing the Python packages of $1 into .venv ($("$python" --version)) …"
  .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || "$python" -m venv --clear .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
  printf '%s' "$wanted" >".venv/$2"
}

install_claude() { # install_claude PIN_FOLDER TARGET
  local wanted
  wanted=$(stamp "$1/package.json" "$1/package-lock.json")
  if is_installed "$2/.installed" "$wanted"; then
    return
  fi
  require_node
  say "Installing the agent CLI of $1 into $2 …"
  mkdir -p "$2"
  cp "$1/package.json" "$1/package-lock.json" "$2/"
  npm_config_update_notifier=false npm ci --prefix "$2" --no-audit --no-fund --loglevel=error >&2
  if ! DISABLE_AUTOUPDATER=1 "$2/node_modules/.bin/claude" --version >/dev/null 2>&1; then
    # npm may be set to run no install scripts; this one only puts the native program in its place.
    (cd "$2/node_modules/@anthropic-ai/claude-code" && node install.cjs >&2)
    DISABLE_AUTOUPDATER=1 "$2/node_modules/.bin/claude" --version >/dev/null ||
      die "the agent CLI was installed but does not run" "try: $2/node_modules/.bin/claude --version"
  fi
  printf '%s' "$wanted" >"$2/.installed"
}

if [ "${DEVCONTAINER:-}" = true ]; then
  # The image has everything, and .venv and .tools of a shared checkout belong to the host.
  exit 0
fi

# What is missing on the machine is said before anything is installed.
command -v git >/dev/null || die "git is not installed" "install it with your package manager"
python=$(find_python)
if [ -z "${SCYLLA_CLAUDE:-}" ] && [ ! -f .tools/claude/.installed ]; then
  require_node
fi

if [ "${1:-}" = dev ]; then
  install_python requirements-dev.txt .installed-dev
  install_claude tests/newest_claude .tools/claude-newest
elif [ ! -f .venv/.installed-dev ]; then
  install_python requirements.txt .installed
fi
if [ -z "${SCYLLA_CLAUDE:-}" ]; then
  install_claude .devcontainer/claude .tools/claude
fi
# A first experiment needs no MCP server, so only the tests bring them; once there, they are kept current.
if [ -z "${SCYLLA_MCP_SERVERS:-}" ] && { [ "${1:-}" = dev ] || [ -f .tools/mcp/.installed ]; }; then
  PYTHON=$python scripts/install_mcp_servers.sh
fi
