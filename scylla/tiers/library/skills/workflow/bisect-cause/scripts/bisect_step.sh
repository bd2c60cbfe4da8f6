#!/bin/sh
# One step for `git bisect run`: build, then check.
# Usage: git bisect run sh /tmp/bisect_step.sh 'BUILD COMMAND' 'CHECK COMMAND'
# Exit: 0 good, 1 bad, 125 cannot be judged (build failed, or the check could not be started);
# 128 wrong use, which makes git stop instead of blaming a commit.
# Copy it out of the repository first, since every step checks out other files.
set -u

if [ $# -ne 2 ]; then
    echo "usage: bisect_step.sh 'BUILD COMMAND' 'CHECK COMMAND'" >&2
    exit 128
fi

if ! sh -c "$1"; then
    echo "bisect_step: build failed, skipping this commit" >&2
    exit 125
fi

sh -c "$2"
code=$?
case $code in
0)
    echo "bisect_step: good"
    exit 0
    ;;
125 | 126 | 127)
    echo "bisect_step: check could not decide (exit $code), skipping this commit" >&2
    exit 125
    ;;
*)
    echo "bisect_step: bad (exit $code)"
    exit 1
    ;;
esac
