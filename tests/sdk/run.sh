#!/usr/bin/env bash
# Runs the real OpenAI SDKs for Python and Node against a running Farebox.
#
#   OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=sk-fb-… FAREBOX_SPENT_KEY=sk-fb-… \
#       tests/sdk/run.sh [python|node]
#
# FAREBOX_SPENT_KEY belongs to a user whose budget is spent (a limit of 0usd/day will do). The
# packages are installed once, pinned, below target/sdk.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${FAREBOX_SDK_CACHE:-$here/../../target/sdk}
for name in OPENAI_BASE_URL OPENAI_API_KEY FAREBOX_SPENT_KEY; do
    [ -n "${!name:-}" ] || { echo "error: $name is not set; see the head of $0" >&2; exit 2; }
done
mkdir -p "$cache"

python_checks() {
    local venv="$cache/venv" stamp="$cache/requirements.txt"
    if ! cmp -s "$here/requirements.txt" "$stamp"; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
        cp "$here/requirements.txt" "$stamp"
    fi
    "$venv/bin/python" "$here/openai_python.py"
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

case ${1:-all} in
    python) python_checks ;;
    node) node_checks ;;
    all)
        python_checks
        node_checks
        ;;
    *) echo "error: \`$1\` is not a language: python or node" >&2; exit 2 ;;
esac
