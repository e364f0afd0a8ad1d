#!/usr/bin/env bash
# Brings the third-party modules of the dashboard into assets/vendor, at the versions that
# tests/browser/package-lock.json pins, with their licences and their checksums.
#
#   src/control/dashboard/vendor.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
npm ci --prefix tests/browser --ignore-scripts --silent
from=tests/browser/node_modules
to=src/control/dashboard/assets/vendor
mkdir -p "$to"
# bare NAME: browsers find a module by its address only; source maps are not served.
bare() { sed -e 's#from"preact"#from"./preact.js"#' -e '/^\/\/# sourceMappingURL/d' "$from/$1"; }
bare preact/dist/preact.mjs >"$to/preact.js"
bare preact/hooks/dist/hooks.mjs >"$to/preact-hooks.js"
bare htm/dist/htm.mjs >"$to/htm.js"
{ cat "$from/uplot/dist/uPlot.iife.min.js"; printf '\nexport default uPlot;\n'; } >"$to/uplot.js"
cp "$from/uplot/dist/uPlot.min.css" "$to/uplot.css"
for name in preact htm uplot; do
    version=$(node -p "require('./$from/$name/package.json').version")
    { echo "$name $version"; echo; cat "$from/$name/LICENSE"; } >"$to/$name.LICENSE.txt"
done
(cd "$to" && sha256sum -- *.js *.css *.txt >SHA256SUMS)
