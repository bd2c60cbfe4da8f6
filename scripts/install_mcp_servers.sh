#!/usr/bin/env bash
# Installs the pinned MCP servers, so that DEST/bin holds one program for each: mcp-server-git, mcp-server-fetch, …
# DEST is .tools/mcp of the checkout unless given. A second call finds everything there and does nothing.
#
#   scripts/install_mcp_servers.sh [DEST]
#
# They speak over stdin and stdout. None is put on PATH: a set-up of an agent names those that it uses.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pins=$root/.devcontainer/mcp
# shellcheck source=/dev/null disable=SC1091
. "$root/scripts/lib/install_steps.sh"

# Empty, new, or made by an earlier call: in any other folder npm would replace what is not ours.
require_own_folder() {
  if [ ! -e "$dest/package.json" ] && [ -n "$(ls -A "$dest")" ] ||
    { [ -e "$dest/package.json" ] && ! grep -q '"name": "scylla-mcp-servers"' "$dest/package.json"; }; then
    die "$dest holds other files, and the MCP servers need a folder of their own" \
      "name a new folder, or none for .tools/mcp: scripts/install_mcp_servers.sh [DEST]"
  fi
}

install_from_npm() {
  say "Installing the MCP servers from npm into $dest (about 90 MB) …"
  cp "$pins/package.json" "$pins/package-lock.json" "$dest/"
  # Without install scripts, none of which they need; so no browser is downloaded either.
  npm_config_update_notifier=false npm ci --prefix "$dest" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
    die "the MCP servers could not be installed from npm, for the reason above" \
      "most often the registry cannot be reached; see that npm works (npm ping) and run this again"
  # The program itself rather than what PATH finds: an agent's PATH may lead to another Node or to none.
  ln -sfn "$(node -p process.execPath)" "$dest/node"
}

# In an environment of their own: what they depend on must not decide what Scylla depends on.
install_from_pypi() {
  say "Installing the MCP servers from PyPI into $dest ($("$python" --version), about 100 MB) …"
  "$python" -m venv --clear "$dest/python"
  # The lock names every package, so there is nothing to resolve.
  "$dest/python/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-deps --require-hashes -r "$pins/requirements.txt" >&2 ||
    die "the MCP servers could not be installed from PyPI, for the reason above" \
      "most often the registry cannot be reached; see that pip works (pip download idna) and run this again"
}

# A word for the shell, whatever is in it.
quoted() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

write_starter() { # write_starter NAME COMMAND [ARGUMENT…]
  local starter=$dest/bin/mcp-server-$1 word line=exec
  shift
  for word in "$@"; do
    line+=" $(quoted "$word")"
  done
  printf '#!/bin/sh\n%s "$@"\n' "$line" >"$starter"
  chmod 0755 "$starter"
}

write_starters() {
  local name python_of_servers=$dest/python/bin/python
  rm -rf "${dest:?}/bin"
  mkdir "$dest/bin"
  for name in filesystem github memory postgres sequential-thinking; do
    write_starter "$name" "$dest/node" "$dest/node_modules/.bin/mcp-server-$name"
  done
  write_starter playwright "$dest/node" "$dest/node_modules/.bin/playwright-mcp"
  # Isolated (-I): a module in the folder or the PYTHONPATH of an agent must not take the place of one of theirs.
  for name in git time; do
    write_starter "$name" "$python_of_servers" -I -m "mcp_server_$name"
  done
  # Where it finds npm, its library would fetch packages that no lock pins, in the middle of a run, to read pages
  # another way than elsewhere. It starts no other program.
  write_starter fetch /usr/bin/env PATH=/nonexistent "$python_of_servers" -I -m mcp_server_fetch
}

check_starters() {
  "$dest/python/bin/python" -I -c 'import mcp_server_fetch.server, mcp_server_git.server, mcp_server_time.server' ||
    die "the MCP servers from PyPI were installed but do not start, for the reason above" \
      "remove $dest and run this again; another Python can be named: PYTHON=/path"
  local name
  for name in filesystem github memory postgres sequential-thinking; do
    [ -f "$dest/node_modules/.bin/mcp-server-$name" ] ||
      die "npm installed no mcp-server-$name" "remove $dest and run this again"
  done
  "$dest/bin/mcp-server-playwright" --version >/dev/null ||
    die "the MCP servers from npm were installed but do not start, for the reason above" \
      "see that $dest/node is Node 20 or newer; remove $dest and run this again"
}

dest=${1:-$root/.tools/mcp}
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)
# The starters name the folder, so in another one they are not those.
wanted=$(stamp "$pins"/* "${BASH_SOURCE[0]}" <(printf '%s' "$dest"))
if is_installed "$dest/.installed" "$wanted" && [ -x "$dest/node" ] && "$dest/python/bin/python" -c '' 2>/dev/null; then
  exit 0
fi
require_own_folder
require_node
python=$(find_python)
rm -f "$dest/.installed"
install_from_npm
install_from_pypi
write_starters
check_starters
printf '%s' "$wanted" >"$dest/.installed"
