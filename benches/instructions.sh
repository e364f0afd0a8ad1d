#!/bin/bash
# How many instructions the readers take: per chat chunk, per chunk with usage taken out again, per
# event of a response, per JSON answer, per 300 KB request. Needs valgrind. Every figure is the
# difference of two runs, so that starting up does not count.
set -euo pipefail
cd "$(dirname "$0")/.."
CARGO=${CARGO:-cargo}
reader=$($CARGO bench --locked --bench reader --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"name":"reader".*"executable":"\([^"]*\)".*/\1/p' | tail -1)
[ -x "$reader" ] || { echo "instructions: the bench \`reader\` was not built" >&2; exit 1; }

count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$reader" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p'
}

for case in "events 1000" "unasked 1000" "responses 1000" "json 1000" "request 20"; do
    read -r what times <<<"$case"
    few=$(count "$what" "$times")
    many=$(count "$what" $((2 * times)))
    printf '%-10s %9d instructions each\n' "$what" $(((many - few) / times))
done
