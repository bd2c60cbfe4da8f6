#!/usr/bin/env bash
# In the container of the firewall configuration: no start counts as done before the firewall is closed, shown by an
# attempt to get out.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for _ in $(seq 100); do
  [ -e /run/scylla-firewall/ready ] && break
  sleep 0.1
done
if [ ! -e /run/scylla-firewall/ready ]; then
  printf '%s\n' "firewall: it is not in place. → docker logs on this container says why" >&2
  exit 1
fi
# An address for documentation (RFC 5737): nobody answers there, but only a closed firewall refuses at once.
probe=$(curl --silent --show-error --connect-timeout 5 https://192.0.2.1/ 2>&1)
code=$?
if [ "$code" != 7 ]; then
  printf '%s\n' "firewall: it lets connections through ($code, $probe). → rebuild the container, or report this" >&2
  exit 1
fi
bash "$here/../post-start.sh"
