#!/usr/bin/env bash
# Asks every operation of the admin API for what its description allows, and for what it does not:
# no answer may be a server error, and each must be as it is described.
#
#   tests/schemathesis/run.sh target/debug/farebox [EXAMPLES]
#
# EXAMPLES is how many cases are made for each operation (20). The package is installed once, pinned,
# below target/schemathesis.
set -euo pipefail
cd "$(dirname "$0")/../.."
farebox=$(realpath "${1:?usage: run.sh BINARY [EXAMPLES]}")
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "schemathesis left out, python3 (3.11 or newer) is not installed"
    exit
fi
cache=$PWD/target/schemathesis
if ! cmp -s tests/schemathesis/requirements.txt "$cache/requirements.txt"; then
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/schemathesis/requirements.txt
    cp tests/schemathesis/requirements.txt "$cache/"
fi

work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
unset "${!FAREBOX_@}"
export FAREBOX_ADMIN_TOKEN=a-token-of-this-run-only GROQ_API_KEY=any
printf '[admin]\nrequests_per_minute = 1000000\n' >farebox.toml
"$farebox" serve --config farebox.toml --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 >serve.out 2>serve.log & pid=$!
for _ in $(seq 200); do
    admin=$(sed -n 's/^ *operators *//p' serve.out)
    [ -z "$admin" ] || break
    sleep 0.05
done
"$cache/venv/bin/schemathesis" run "$admin/openapi.json" \
    --header "Authorization: Bearer $FAREBOX_ADMIN_TOKEN" \
    --max-examples "${2:-20}" --request-timeout 20 --no-color \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
if grep -i 'panicked' serve.log; then exit 1; fi
kill -0 "$pid"
