#!/usr/bin/env bash
# Runs every fuzz target and fails on a finding.
#
#   run.sh SECONDS [TARGET…]      for so many seconds each; without a name, all of them
#
#   SEED=1 run.sh 60              the same choices in every run, as far as time allows; 0: others each time
#   PATIENCE=60 run.sh 3600       seconds that one input may take, where the machine has other work
#   JOBS=8 run.sh 3600            so many targets at a time
#
# A finding is kept in fuzz/target/findings; docs/fuzzing.md says what to do with it.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?how many seconds for each target?}
shift
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(basename -s .rs targets/*.rs)

missing() {
    echo "make fuzz: $1 is missing; install it with: $2" >&2
    exit 1
}
cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-fuzz@0.13.2
command -v g++ >/dev/null || missing "a C++ compiler" "apt-get install g++"
command -v python3 >/dev/null || missing python3 "apt-get install python3"

# Sanitizers are an unstable flag of the compiler, and no more than that is unstable here: so the
# stable toolchain is told to take it, and what is fuzzed is built by what builds the program.
export RUSTC_BOOTSTRAP=1
echo "building ${#targets[@]} targets"
if [ $# -gt 0 ]; then
    for target in "${targets[@]}"; do cargo fuzz build --fuzz-dir . "$target"; done
else
    cargo fuzz build --fuzz-dir .
fi
mkdir -p target/corpus target/findings target/logs
python3 seed.py target/corpus target/dictionary

# Memory: nothing here may grow with a body, and no input is longer than 4 KiB. The limits are those
# of the whole process, sanitizer and libFuzzer included.
fuzz() {
    local target=$1 seconds=$2 length=4096
    # What a body of this length may expand to is read within the second.
    [ "$target" != decompress ] || length=2048
    mkdir -p "target/corpus/$target"
    if "target/$HOST/release/$target" "target/corpus/$target" -dict=target/dictionary \
        -max_total_time="$seconds" -max_len=$length -timeout="${PATIENCE:-1}" -rss_limit_mb=1024 -malloc_limit_mb=32 \
        -seed="${SEED:-0}" -print_final_stats=1 -artifact_prefix="target/findings/$target-" >"target/logs/$target" 2>&1
    then
        echo "$target: $(grep -o 'number_of_executed_units: *[0-9]*' "target/logs/$target" | grep -o '[0-9]*$') executions, no finding"
    else
        grep -aE 'panicked|ERROR: |^  left|^ right' -A1 "target/logs/$target" | head -n 12 | cut -c -400 >&2
        echo "$target: A FINDING; $(grep -ao 'target/findings/[^ ]*' "target/logs/$target" | tail -n 1)" >&2
        return 1
    fi
}
export -f fuzz
HOST=$(rustc --print host-tuple)
export HOST
printf '%s\n' "${targets[@]}" | xargs -P "${JOBS:-2}" -I {} bash -c 'fuzz "$1" "$2"' - {} "$seconds"
