#!/usr/bin/env bash
# A shell in the container, for many experiments:
#
#   scripts/launch_container_shell.sh           in the container that the editor and `devcontainer exec` use
#   scripts/launch_container_shell.sh night     in one of that name, beside others, with a login and history of its own
#
# In the container itself it just starts a shell. Commands can also come from standard input.

# root, container, container_user and container_folder come from host.sh.
# shellcheck disable=SC2154
set -uo pipefail
if [ "${DEVCONTAINER:-}" = true ]; then
  bash "$(dirname "${BASH_SOURCE[0]}")/../.devcontainer/welcome.sh"
  exec bash
fi
name=${1:-}
case $name in
  *[!A-Za-z0-9_.-]* | -*)
    printf '%s\n' "scylla: $name is no name for a container" "  → letters, digits, dots, dashes and underscores" >&2
    exit 2 ;;
esac
# shellcheck source=/dev/null disable=SC1091
. "$(dirname "${BASH_SOURCE[0]}")/../.devcontainer/host.sh"

start_container "$name"
options=(--interactive --user "$container_user" --workdir "$container_folder" --env "SCYLLA_CONTAINER=${name:-default}")
if [ -t 0 ] && [ -t 1 ]; then
  options+=(--tty --env "TERM=${TERM:-xterm}")
fi
exec docker exec "${options[@]}" "$container" bash -c 'bash .devcontainer/welcome.sh; exec bash'
