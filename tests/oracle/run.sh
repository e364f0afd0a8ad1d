#!/usr/bin/env bash
# Compares Farebox's charges with those of genai-prices, from PyPI, over random usages.
#
#   tests/oracle/run.sh
#
# The package is installed once, pinned, below target/oracle. CARGO is cargo.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "oracle left out, python3 (3.11 or newer) is not installed"
    exit
fi
cache=target/oracle
if ! cmp -s tests/oracle/requirements.txt "$cache/requirements.txt"; then
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/oracle/requirements.txt
    cp tests/oracle/requirements.txt "$cache/"
fi
PYTHONDONTWRITEBYTECODE=1 "$cache/venv/bin/python" tests/oracle/cases.py pricing.toml \
    tests/oracle/disagreements.toml >"$cache/cases.jsonl"
${CARGO:-cargo} test --quiet --locked --test oracle <"$cache/cases.jsonl"
