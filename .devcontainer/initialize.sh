#!/usr/bin/env bash
# On the host, before the container starts: stages the login for it, without the refresh token (two holders of one
# refresh token log each other out), in a folder that only this user can enter. The container mounts that folder
# read-only. Whatever is missing or broken becomes a message: the container starts all the same.
#
#   $HOME/.scylla-devcontainer/         0700
#     claude/                           0700, mounted to /run/host-claude
#       .credentials.json               0600, the access token of the host's Claude login
#       environment.json                0600, ANTHROPIC_API_KEY and CLAUDE_CODE_OAUTH_TOKEN where they are set
set -uo pipefail
umask 077

say() { printf 'scylla: %s\n' "$*" >&2; }

# The mount in devcontainer.json has the same default.
home=${HOME-/var/tmp/scylla-no-home}
private=$home/.scylla-devcontainer
drop=$private/claude
dev_user_uid=1000 # of the image; a container started by root keeps it

make_folders() {
  if [ -z "${HOME-}" ]; then
    say "HOME is not set; the folder for the login is $private"
  fi
  if ! mkdir -p "$drop"; then
    say "the folder $drop cannot be made, and the container needs it. → make it yourself, or set HOME"
    return 1
  fi
  if [ -L "$private" ] || [ -L "$drop" ] || [ ! -O "$private" ]; then
    say "$private does not belong to this user, so nothing is staged in it. → remove it"
    # Somebody else's folder must not become the source of a login.
    exit 1
  fi
  chmod 0700 "$private"
  if [ "${SCYLLA_ROOTLESS_ENGINE:-}" = 1 ]; then
    # The user inside has another uid; what is open here still lies behind the folder above.
    chmod 0755 "$drop"
  else
    chmod 0700 "$drop"
  fi
  # What a start that was killed left behind; others may be at work on theirs.
  find "$private" -maxdepth 1 -name '.staging.*' -mmin +60 -delete 2>/dev/null
  if [ "$(id -u)" = 0 ]; then
    chown "$dev_user_uid:$dev_user_uid" "$drop"
  fi
}

# place NAME: standard input becomes that file of the drop, whole; empty input removes it.
place() {
  local beside target=$drop/$1
  beside=$(mktemp "$private/.staging.XXXXXXXX") || return 1
  cat >"$beside"
  if [ -d "$target" ] || [ ! -s "$beside" ]; then
    rm -rf "$target"
  fi
  if [ ! -s "$beside" ]; then
    rm -f "$beside"
    return 0
  fi
  if [ "${SCYLLA_ROOTLESS_ENGINE:-}" = 1 ]; then
    chmod 0644 "$beside"
  fi
  if [ "$(id -u)" = 0 ]; then
    chown "$dev_user_uid:$dev_user_uid" "$beside"
  fi
  mv -f "$beside" "$target"
}

# The host's login as the CLI keeps it; nothing when there is none.
read_login() {
  local file=${CLAUDE_CONFIG_DIR:-$home/.claude}/.credentials.json
  if [ -d "$file" ]; then
    say "the login file $file is a folder; nothing is staged from it"
  elif [ -e "$file" ]; then
    cat "$file" || say "the login file $file cannot be read by this user"
  elif [ "$(uname -s)" = Darwin ]; then
    security find-generic-password -s 'Claude Code-credentials' -w 2>/dev/null
  fi
}

has_python() {
  # The python3 of macOS is a stub that opens a dialog until the command line tools are there.
  { [ "$(uname -s)" != Darwin ] || xcode-select -p >/dev/null 2>&1; } &&
    python3 -c 'import json' >/dev/null 2>&1
}

# Standard input: the login as the CLI keeps it. Standard output: its access token and no refresh token.
# 3 when it is broken.
strip_login() {
  if node --version >/dev/null 2>&1; then
    node -e '
      const keep = ["accessToken", "expiresAt", "scopes", "subscriptionType", "rateLimitTier"];
      try {
        const oauth = JSON.parse(require("fs").readFileSync(0, "utf8")).claudeAiOauth;
        if (typeof oauth.accessToken !== "string") process.exit(3);
        if (oauth.accessToken === "") process.exit(0);
        const copy = {};
        for (const name of keep) if (name in oauth) copy[name] = oauth[name];
        process.stdout.write(JSON.stringify({ claudeAiOauth: copy }) + "\n");
      } catch { process.exit(3); }'
  elif has_python; then
    python3 -c '
import json, sys
keep = ("accessToken", "expiresAt", "scopes", "subscriptionType", "rateLimitTier")
try:
    oauth = json.loads(sys.stdin.buffer.read().decode("utf-8"))["claudeAiOauth"]
    token = oauth["accessToken"]
except (ValueError, KeyError, TypeError, RecursionError):
    sys.exit(3)
if not isinstance(token, str):
    sys.exit(3)
if token:
    print(json.dumps({"claudeAiOauth": {name: oauth[name] for name in keep if name in oauth}}))'
  else
    cat >/dev/null
    say "neither node nor python3 was found, one of which takes the refresh token out of the login; nothing is staged"
  fi
}

stage_login() {
  local login stripped
  login=$(read_login)
  if [ -z "$login" ]; then
    place .credentials.json </dev/null
    return
  fi
  if ! stripped=$(printf '%s' "$login" | strip_login); then
    say "the host's Claude login is not in a form that can be read; nothing is staged. → log in again: claude, /login"
    stripped=
  fi
  printf '%s' "$stripped" | place .credentials.json
}

stage_environment() {
  local name value entries=
  for name in ANTHROPIC_API_KEY CLAUDE_CODE_OAUTH_TOKEN; do
    value=${!name:-}
    case $value in
      '') ;;
      *[!A-Za-z0-9_.~+/=-]*) say "$name holds characters that no key or token has; it is not staged" ;;
      *) entries="$entries${entries:+, }\"$name\": \"$value\"" ;;
    esac
  done
  printf '%s' "${entries:+{$entries\}}" | place environment.json
}

make_folders || exit 0
stage_login || say "the host's login could not be staged in $drop"
stage_environment || say "the login of the environment could not be staged in $drop"
if [ -s "$drop/.credentials.json" ] || [ -s "$drop/environment.json" ]; then
  say "staged a login for the container, for this user alone, in $drop"
else
  say "no Claude login was found on this host; experiments in the container use the offline model until it has one"
fi
exit 0
