#!/usr/bin/env bash
# Does the demo's tour go where it should, and does the demo leave nothing behind, however it ends?
#
#   tests/demo.sh             builds the program unless TIDEGATE names one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/demo_lib.sh

echo "demo: the tour"
if ! TMPDIR=$work/tmp "$tidegate" demo --once "${options[@]}" >"$work/log" 2>&1; then
    fail "the tour failed"
fi
tail -n 1 "$work/log"
gone

for signal in TERM KILL; do
    echo "demo: stopped by SIG$signal"
    start_demo --no-tour
    "${PSQL:-psql}" -X -q -At -h "$TIDEGATE_HOST" -p "$TIDEGATE_PORT" -U app -d app \
        -c 'SELECT count(*) FROM orders' >"$work/count" || fail "psql cannot ask the router"
    [[ $(<"$work/count") -ge 5000 ]] || fail "orders holds $(<"$work/count") rows"
    stop_demo "$signal"
done
echo "demo: ok"
