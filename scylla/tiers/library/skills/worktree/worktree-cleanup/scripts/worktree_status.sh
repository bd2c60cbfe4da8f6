#!/bin/sh
# Print the state of every git worktree of this repository. Reads only.
# Usage: sh worktree_status.sh [BASE]     BASE: branch or commit to compare with (default: main)
# Exit: 0 printed, 2 not a repository or unknown BASE.
set -u

base=${1:-main}
if ! git rev-parse --git-dir >/dev/null 2>&1; then
    echo "worktree_status.sh: not inside a git repository" >&2
    exit 2
fi
if ! git rev-parse -q --verify "$base^{commit}" >/dev/null; then
    echo "worktree_status.sh: '$base' is not a branch or commit here; give another BASE" >&2
    exit 2
fi

path=
branch=
notes=
bare=

show() {
    [ -n "$path" ] || return 0
    if [ -n "$bare" ]; then
        echo "$path"
        echo "    bare repository"
    elif [ ! -d "$path" ]; then
        echo "$path"
        echo "    $branch, folder missing$notes"
    else
        changed=$(git --no-optional-locks -C "$path" status --porcelain 2>/dev/null | wc -l | tr -d ' ')
        ahead=$(git -C "$path" rev-list --count "$base_commit..HEAD" 2>/dev/null || echo unknown)
        last=$(git -C "$path" log -1 --format=%cs 2>/dev/null || echo never)
        echo "$path"
        echo "    $branch, changed files $changed, commits not in $base $ahead, last commit $last$notes"
    fi
    path=
    branch=
    notes=
    bare=
}

base_commit=$(git rev-parse "$base^{commit}")
# The list ends every worktree with an empty line.
git worktree list --porcelain | {
    while IFS= read -r line; do
        case $line in
        "worktree "*) path=${line#worktree } ;;
        "branch "*) branch="branch ${line#branch refs/heads/}" ;;
        detached) branch="detached" ;;
        bare) bare=yes ;;
        locked*) notes="$notes, $line" ;;
        prunable*) notes="$notes, can be pruned" ;;
        '') show ;;
        esac
    done
    show
}
