#!/usr/bin/env bash
# Runs real SDKs against a running Farebox, or against a bare simulated provider.
#
#   OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=sk-fb-… FAREBOX_SPENT_KEY=sk-fb-… \
#       tests/sdk/run.sh [NAME…]
#
# NAME: python, node, media, realtime, admin (all OpenAI), anthropic, gemini, cohere, mistral, ollama; without a
# name, all of them. FAREBOX_SPENT_KEY belongs to a user whose budget is spent (a limit of 0usd/day
# will do); without it nothing refuses, and the checks of refusals are left out. Not among those that
# run without a name: `admin`, which reads what the others used, with FAREBOX_ADMIN_URL and
# FAREBOX_TOKEN_FILE, and `stops`, with FAREBOX_BRIEF_KEYS (see openai_stops.py). The packages are
# installed once, pinned, below target/sdk.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${FAREBOX_SDK_CACHE:-$here/../../target/sdk}
for name in OPENAI_BASE_URL OPENAI_API_KEY; do
    [ -n "${!name:-}" ] || { echo "error: $name is not set; see the head of $0" >&2; exit 2; }
done
export FAREBOX_URL=${OPENAI_BASE_URL%/v1} FAREBOX_KEY=$OPENAI_API_KEY PYTHONDONTWRITEBYTECODE=1
mkdir -p "$cache"

# python_checks FILE
python_checks() {
    local venv="$cache/venv" stamp="$cache/requirements.txt"
    if ! cmp -s "$here/requirements.txt" "$stamp"; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
        cp "$here/requirements.txt" "$stamp"
    fi
    "$venv/bin/python" "$here/$1"
}

node_checks() {
    local modules="$cache/node"
    if ! cmp -s "$here/package-lock.json" "$modules/package-lock.json"; then
        mkdir -p "$modules"
        cp "$here/package.json" "$modules/"
        cp "$here/package-lock.json" "$modules/wanted.json"
        mv "$modules/wanted.json" "$modules/package-lock.json"
        (cd "$modules" && npm ci --silent --no-audit --no-fund) || { rm "$modules/package-lock.json"; exit 1; }
    fi
    cp "$here/openai_node.mjs" "$modules/"
    (cd "$modules" && node openai_node.mjs)
}

[ $# -gt 0 ] || set -- python node media realtime anthropic gemini cohere mistral ollama
for name; do
    case $name in
        python) python_checks openai_python.py ;;
        node) node_checks ;;
        anthropic | gemini | cohere | mistral | ollama) python_checks "${name}_python.py" ;;
        media | realtime | admin | stops) python_checks "openai_$name.py" ;;
        *) echo "error: \`$name\` is not an SDK; see the head of $0" >&2; exit 2 ;;
    esac
done
