#!/bin/sh
# Check that a release version is consistent. Reads only; run it in the repository root.
# Usage: sh check_version.sh VERSION FILE...
# Exit: 0 consistent, 1 something disagrees, 2 wrong use.
set -u

if [ $# -lt 2 ]; then
    echo "usage: check_version.sh VERSION FILE..." >&2
    exit 2
fi
version=${1#v}
shift
if ! git rev-parse --git-dir >/dev/null 2>&1; then
    echo "check_version.sh: not inside a git repository; change to its root first" >&2
    exit 2
fi

problems=0
report() {
    echo "PROBLEM  $1"
    problems=$((problems + 1))
}

# The version as a whole word: 1.4.0 must not match 11.4.0, 1.4.01 or 1.4.0-rc1.
escaped=$(printf '%s' "$version" | sed 's/[.+]/\\&/g')
pattern="(^|[^0-9A-Za-z.]|[vV])${escaped}(\$|[^0-9A-Za-z.+-]|\\.(\$|[^0-9A-Za-z]))"

for file in "$@"; do
    if [ ! -f "$file" ]; then
        report "$file: no such file"
    elif line=$(grep -nE -- "$pattern" "$file"); then
        echo "ok       $file: $(printf '%s\n' "$line" | head -n 1)"
    else
        report "$file: does not contain $version"
    fi
done

for tag in "v$version" "$version"; do
    if git rev-parse -q --verify "refs/tags/$tag" >/dev/null; then
        report "tag $tag exists already, at $(git rev-parse --short "refs/tags/$tag^{commit}")"
    fi
done

changed=$(git status --porcelain | wc -l | tr -d ' ')
if [ "$changed" -ne 0 ]; then
    report "working tree: $changed uncommitted or untracked file(s)"
fi

if [ "$problems" -ne 0 ]; then
    echo "$problems problem(s) with $version"
    exit 1
fi
echo "$version is consistent"
