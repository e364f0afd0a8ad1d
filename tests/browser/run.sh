#!/usr/bin/env bash
# The dashboard in a real Chromium against the built program.
#
#   tests/browser/run.sh target/debug/farebox [FILE… | --pictures | --gallery]
#
# Chromium and Node.js come from the system (`make tools`); the driver and axe-core from npm, at the
# versions of package-lock.json.
set -euo pipefail
cd "$(dirname "$0")"
FAREBOX=$(cd - >/dev/null && realpath "${1:?usage: run.sh BINARY [FILE…]}")
export FAREBOX
shift
cmp -s package-lock.json node_modules/.locked || {
    npm ci --silent --ignore-scripts
    cp package-lock.json node_modules/.locked
}
(cd ../../src/control/dashboard/assets/vendor && sha256sum --quiet --check SHA256SUMS)
if [ "${1-}" = --pictures ]; then exec node screenshots.mjs; fi
if [ "${1-}" = --gallery ]; then exec node gallery.mjs; fi
if [ $# -eq 0 ]; then set -- ./*.test.mjs; fi
node --test --test-concurrency=1 --test-reporter=spec "$@"
