# For the scripts that install, which source it: what a machine must have, and whether an earlier call did the work.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }
die() {
  say "scylla: $1"
  say "  → $2"
  exit 3
}

find_python() {
  local name
  for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
    [ -n "$name" ] || continue
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      printf '%s' "$name"
      return
    fi
  done
  die "no Python 3.10 or newer with the venv module was found" \
    "install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python), or name it: PYTHON=/path"
}

require_node() {
  local version
  version=$(node --version 2>/dev/null || true)
  case "$version" in
    v1[0-9].* | v[0-9].* | "")
      die "Node 20 or newer is needed for the agent CLI; found: ${version:-none}" \
        "install it from nodejs.org, with your package manager, or with nvm (nvm install 20), and run this again" ;;
  esac
  npm --version >/dev/null 2>&1 || die "npm is not installed" "it comes with Node; Debian, Ubuntu: apt install npm"
}

# stamp FILE... : one word that changes when any of the files does
stamp() { cat "$@" | git hash-object --stdin; }

# is_installed MARKER_FILE STAMP
is_installed() { [ "$(cat "$1" 2>/dev/null || true)" = "$2" ]; }
