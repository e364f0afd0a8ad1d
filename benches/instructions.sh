#!/bin/bash
# How many instructions the readers take: per chat chunk, per chunk with usage taken out again, per
# event of a response, per JSON answer, per 300 KB request; per call that is held and settled
# (its share of the commits included). Needs valgrind. Every figure is the difference of two runs, so
# that starting up does not count.
set -euo pipefail
cd "$(dirname "$0")/.."
CARGO=${CARGO:-cargo}

# The executable of a bench.
built() {
    local path
    path=$($CARGO bench --locked --bench "$1" --no-run --message-format=json 2>/dev/null |
        sed -n 's/.*"name":"'"$1"'".*"executable":"\([^"]*\)".*/\1/p' | tail -1)
    [ -x "$path" ] || { echo "instructions: the bench \`$1\` was not built" >&2; exit 1; }
    echo "$path"
}
reader=$(built reader)
ledger=$(built ledger)

count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" "$2" "$3" 2>&1 |
        sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p'
}

for case in "reader events 1000" "reader unasked 1000" "reader responses 1000" "reader json 1000" \
    "reader request 20" "ledger embedded 4000"; do
    read -r bench what times <<<"$case"
    few=$(count "${!bench}" "$what" "$times")
    many=$(count "${!bench}" "$what" $((2 * times)))
    printf '%-10s %9d instructions each\n' "$what" $(((many - few) / times))
done
