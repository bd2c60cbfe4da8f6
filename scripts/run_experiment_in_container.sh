#!/usr/bin/env bash
# One experiment in the container: starts it where it does not run yet, and passes arguments, output, Ctrl-C and the exit
# code through. The arguments are those of `scylla run`:
#
#   scripts/run_experiment_in_container.sh --tiers-dir tests/fixtures/tests/test-001 --tiers T0 --runs 10
#
# It can be called from any folder. Paths are those of the folder it is called from, when that lies in the checkout, else
# those of the checkout. Only the checkout can be seen from inside. In the container itself it just runs.

# root, container, container_user and container_folder come from host.sh.
# shellcheck disable=SC2154
set -uo pipefail
if [ "${DEVCONTAINER:-}" = true ]; then
  exec python "$(dirname "${BASH_SOURCE[0]}")/run_e2e_experiment.py" "$@"
fi
# shellcheck source=/dev/null disable=SC1091
. "$(dirname "${BASH_SOURCE[0]}")/../.devcontainer/host.sh"

# Sets the array `arguments` to those given, with paths of this checkout as the container sees them.
translate_arguments() {
  local argument flag=''
  arguments=()
  for argument in "$@"; do
    case $argument in
      "$root"/* | "$root") argument=$container_folder${argument#"$root"} ;;
      --*="$root"/*) argument=${argument%%=*}=$container_folder${argument#*="$root"} ;;
      /* | --results-dir=/*)
        case $flag$argument in
          --results-dir/* | --results-dir=/*)
            say "scylla: $argument lies outside the checkout, which is all that the container shares with this machine"
            say "  → choose a folder below $root"
            exit 2 ;;
        esac ;;
    esac
    arguments+=("$argument")
    flag=$argument
  done
}

# Where the caller stands, as the container sees it.
working_folder() {
  local here
  here=$(pwd -P)
  case $here/ in
    "$root"/*) printf '%s' "$container_folder${here#"$root"}" ;;
    *) printf '%s' "$container_folder" ;;
  esac
}

# The signal goes to the process in the container: the client of the engine would only leave it alone there.
# shellcheck disable=SC2329 # a trap calls it
interrupt() {
  docker exec --user "$container_user" "$container" \
    bash -c 'read -r pid <"$1" && kill -s INT "$pid"' - "$pid_file" >/dev/null 2>&1
}

start_container
translate_arguments "$@"
pid_file=/tmp/scylla-run-$$-$RANDOM$RANDOM.pid
# shellcheck disable=SC2016 # the shell in the container expands it
in_container=(bash -c 'cd "$2" && echo $$ >"$1" && shift 2 && exec "$@"' - "$pid_file" "$(working_folder)"
  python "$container_folder/scripts/run_e2e_experiment.py" ${arguments[@]+"${arguments[@]}"})
exec_options=(--user "$container_user" --workdir "$container_folder")

code=0
if [ -t 0 ] && [ -t 1 ] && [ -t 2 ]; then
  # The terminal itself is in the container then, and passes Ctrl-C.
  docker exec --interactive --tty --env "TERM=${TERM:-xterm}" "${exec_options[@]}" "$container" "${in_container[@]}" || code=$?
else
  trap interrupt INT TERM HUP
  # In a process group of its own, or Ctrl-C would end the client before the experiment has said how it ended.
  set -m
  docker exec "${exec_options[@]}" "$container" "${in_container[@]}" </dev/null &
  client=$!
  set +m
  while kill -0 "$client" 2>/dev/null; do
    wait "$client"
  done
  wait "$client" || code=$?
fi
docker exec "$container" rm -f "$pid_file" >/dev/null 2>&1
exit "$code"
