#!/usr/bin/env bash
# Starts the simulated provider and Farebox, makes a key with money and one without, and runs the
# real SDKs against them. What is not installed here (python3, node) is said and left out.
#
#   tests/sdk/against.sh target/debug/farebox [NAME…]
#
# Without names: all SDKs that run.sh knows, first against the bare simulated provider (that it is
# what they expect), then through Farebox.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
farebox=$(realpath "${1:?usage: against.sh BINARY [NAME…]}")
shift
THROUGH=(python node media realtime anthropic gemini cohere mistral ollama admin stops)
BARE=(media realtime anthropic gemini cohere mistral ollama)
if [ $# -gt 0 ]; then THROUGH=("$@") BARE=(); fi
work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
cd "$work"
unset "${!FAREBOX_@}"

# first_line FILE PATTERN: waits for a line of a program's output.
first_line() {
    for _ in $(seq 200); do
        if grep -m 1 "$2" "$1" 2>/dev/null; then return; fi
        sleep 0.05
    done
    cat "$work"/*.log >&2
    return 1
}

# sdks NAME…: one after the other, those whose language is installed.
sdks() {
    local name tool
    for name; do
        case $name in node) tool=npm ;; *) tool=python3 ;; esac
        if command -v "$tool" >/dev/null; then
            echo "SDK: $name"
            "$here/run.sh" "$name"
        else
            echo "SDK: $name left out, $tool is not installed"
        fi
    done
}

"$farebox" simulate >simulate.out 2>simulate.log & pids+=($!)
upstream=$(first_line simulate.out http)
OPENAI_BASE_URL=$upstream OPENAI_API_KEY=any sdks "${BARE[@]}"

# Another provider, whose bill is of what came through Farebox only.
"$farebox" simulate >simulate2.out 2>simulate2.log & pids+=($!)
upstream=$(first_line simulate2.out http)
bare=${upstream%/v1}
printf '[enforcement]\non_exhausted = "stop"\n' >farebox.toml
"$farebox" serve --config farebox.toml --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --upstream "openai=$upstream" \
    --upstream "anthropic=$bare" --upstream "gemini=$bare" --upstream "cohere=$bare" \
    --upstream "mistral=$bare/mistral/v1" --upstream "ollama=$bare" \
    >serve.out 2>serve.log & pids+=($!)
first_line serve.out 'providers ' >/dev/null
OPENAI_BASE_URL=$(sed -n 's/^ *apps *//p' serve.out)
FAREBOX_ADMIN_URL=$(sed -n 's/^ *operators *//p' serve.out)
FAREBOX_TOKEN_FILE=farebox-data/admin-token
export OPENAI_BASE_URL FAREBOX_ADMIN_URL FAREBOX_TOKEN_FILE
key() {
    "$farebox" users create "$1" --limit "$2" --json >/dev/null
    "$farebox" keys create --user "$1" --json | sed -n 's/.*"key": "\(sk-fb-[A-Za-z0-9]*\)".*/\1/p'
}
OPENAI_API_KEY=$(key rich 100usd/day)
FAREBOX_SPENT_KEY=$(key poor 0usd/day)
FAREBOX_BRIEF_KEYS=$(key brief 0.001usd/day),$(key terse 0.001usd/day)
export OPENAI_API_KEY FAREBOX_SPENT_KEY FAREBOX_BRIEF_KEYS
# Streams that are stopped are charged by an estimate, so they come after the comparison.
without_stops=() stops=()
for name in "${THROUGH[@]}"; do
    if [ "$name" = stops ]; then stops=(stops); else without_stops+=("$name"); fi
done
sdks "${without_stops[@]}"
if command -v python3 >/dev/null; then python3 "$here/ledger_against_bill.py" "$bare" "$FAREBOX_TOKEN_FILE"; fi
sdks "${stops[@]}"
