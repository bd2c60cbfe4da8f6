#!/bin/sh
# Run a command many times and report how often it fails.
# Usage: sh repeat.sh TIMES COMMAND [ARGUMENT...]
# Output of failed runs is kept in a new temporary folder; output of passed runs is removed.
# Exit: 0 every run passed, 1 some or all failed, 2 wrong use.
set -u

if [ $# -lt 2 ]; then
    echo "usage: repeat.sh TIMES COMMAND [ARGUMENT...]" >&2
    exit 2
fi
times=$1
shift
case $times in
'' | *[!0-9]* | 0*)
    echo "repeat.sh: TIMES must be a whole number above 0, not '$times'" >&2
    exit 2
    ;;
esac

logs=$(mktemp -d "${TMPDIR:-/tmp}/repeat.XXXXXX") || exit 2
trap 'echo "stopped early; logs in $logs" >&2; exit 130' INT TERM

run=0
failed=0
while [ "$run" -lt "$times" ]; do
    run=$((run + 1))
    log="$logs/run_$run.log"
    "$@" >"$log" 2>&1 </dev/null
    code=$?
    if [ "$code" -eq 0 ]; then
        rm -f "$log"
        continue
    fi
    failed=$((failed + 1))
    echo "run $run: exit $code, $log"
    if [ "$code" -eq 126 ] || [ "$code" -eq 127 ]; then
        echo "repeat.sh: the command cannot be started; giving up" >&2
        exit 2
    fi
done

echo "$failed of $times runs failed"
if [ "$failed" -eq 0 ]; then
    rmdir "$logs"
    exit 0
fi
exit 1
