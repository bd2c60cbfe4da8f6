# For scripts on the host, which source it: what they need of the machine, and the container of this checkout.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cli_version=$(sed -n 's/.*"@devcontainers\/cli": "\(.*\)".*/\1/p' "$root/.devcontainer/cli/package.json")
least_free_kb=${SCYLLA_LEAST_FREE_KB:-2097152}

say() { printf '%s\n' "$*" >&2; }
die() { say "scylla: $1"; say "  → $2"; exit 3; }

require_engine() {
  command -v docker >/dev/null ||
    die "Docker was not found, and the container needs it" \
      "install Docker (docs.docker.com/get-docker), or run without a container: scripts/quickstart.sh"
  local problem
  if ! problem=$(docker version --format '{{.Server.Version}}' 2>&1); then
    case $problem in
      *"ermission denied"*)
        die "this user may not use Docker" "add it to the group docker (sudo usermod -aG docker $(id -un)) and log in again" ;;
      *)
        die "Docker is installed but does not answer" "start it (Docker Desktop, or: sudo systemctl start docker)" ;;
    esac
  fi
}

free_kb() { df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print $4 }'; }

require_disk() {
  local folder free
  # The engine's own folder can only be seen where it runs on this machine.
  for folder in "$root" "$(docker info --format '{{.DockerRootDir}}' 2>/dev/null)"; do
    free=$(free_kb "${folder:-/nonexistent}")
    if [ -n "$free" ] && [ "$free" -lt "$least_free_kb" ]; then
      die "only $((free / 1024)) MiB are free on the disk of $folder; $((least_free_kb / 1024)) MiB are needed" \
        "free some space (docker system df says what images and volumes take)"
    fi
  done
}

# Sets the array `devcontainer` to the command of the dev container CLI.
find_devcontainer_cli() {
  local private=$root/.tools/devcontainer-cli/node_modules/.bin/devcontainer answer
  if [ -x "$private" ]; then
    devcontainer=("$private")
    return
  fi
  if command -v devcontainer >/dev/null; then
    devcontainer=(devcontainer)
    return
  fi
  local fix="install it: npm install --global @devcontainers/cli@$cli_version"
  command -v npx >/dev/null || die "the dev container CLI was not found, nor npx, which could fetch it" \
    "install Node 20 or newer (nodejs.org); then $fix"
  if [ "${SCYLLA_NPX:-}" != 1 ]; then
    [ -t 0 ] && [ -t 2 ] || die "the dev container CLI was not found" "$fix; or set SCYLLA_NPX=1 to fetch it with npx"
    printf '%s' "The dev container CLI is not installed. Fetch and use it with npx? [Y/n] " >&2
    read -r answer
    case $answer in
      '' | [Yy]*) ;;
      *) die "the dev container CLI was not found" "$fix" ;;
    esac
  fi
  devcontainer=(npx --yes "@devcontainers/cli@$cli_version")
}

json_field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# start_container [NAME]: sets container, container_user and container_folder. A name of its own makes a container
# beside the one that the editor and `devcontainer exec` use.
start_container() {
  require_engine
  require_disk
  find_devcontainer_cli
  local log answer labels=()
  if [ -n "${1:-}" ]; then
    labels=(--id-label "scylla.name=$1" --id-label "scylla.folder=$root")
  fi
  # Tests name a configuration with other base images.
  if [ -n "${SCYLLA_OVERRIDE_CONFIG:-}" ]; then
    labels+=(--override-config "$SCYLLA_OVERRIDE_CONFIG")
  fi
  log=$(mktemp "${TMPDIR:-/tmp}/scylla-container.XXXXXXXX")
  say "Starting the container (the first time builds its image, which takes some minutes; log: $log) …"
  if ! answer=$("${devcontainer[@]}" up --workspace-folder "$root" ${labels[@]+"${labels[@]}"} 2>"$log" </dev/null); then
    tail -n 25 "$log" >&2
    printf '%s\n' "$answer" | json_field message >&2
    die "the container could not be started" "the whole log is $log"
  fi
  answer=$(printf '%s\n' "$answer" | tail -n 1)
  container=$(printf '%s' "$answer" | json_field containerId)
  container_user=$(printf '%s' "$answer" | json_field remoteUser)
  container_folder=$(printf '%s' "$answer" | json_field remoteWorkspaceFolder)
  [ -n "$container" ] || die "the dev container CLI answered without a container" "the log is $log"
  # What concerns the person in it: a login found or not, a workspace that cannot be written.
  sed -n -E 's/^(\[[^]]*\] )?((scylla: |firewall: |Login: |The (login|host|workspace) |  → ).*)/\2/p' "$log" >&2
  rm -f "$log"
}
