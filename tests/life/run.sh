#!/usr/bin/env bash
# The whole life of a workspace, its users and keys: by `curl` alone, then by the command line alone.
# Afterwards the audit must have every step of both.
#
#   tests/life/run.sh target/debug/farebox
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
farebox=$(realpath "${1:?usage: run.sh BINARY}")
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
unset "${!FAREBOX_@}"

# line FILE PATTERN: waits for a line of a program's output.
line() {
    for _ in $(seq 200); do
        if sed -n "s#$2#\1#p" "$1" | grep -m 1 .; then return; fi
        sleep 0.05
    done
    cat "$work"/*.log >&2
    return 1
}

"$farebox" simulate >simulate.out 2>simulate.log & pids+=($!)
upstream=$(line simulate.out '.*\(http://[^ ]*/v1\).*')
export OPENAI_API_KEY=any
"$farebox" serve --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --upstream "openai=$upstream" \
    >serve.out 2>serve.log & pids+=($!)
APPS=$(line serve.out ' *apps *\(http.*\)')
FAREBOX_ADMIN_URL=$(line serve.out ' *operators *\(http.*\)')
FAREBOX_ADMIN_TOKEN=$(cat farebox-data/admin-token)
export APPS FAREBOX_ADMIN_URL FAREBOX_ADMIN_TOKEN
"$here/by_curl.sh"
PATH="$(dirname "$farebox"):$PATH" "$here/by_cli.sh"
