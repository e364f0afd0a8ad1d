#!/usr/bin/env bash
# End to end benchmark: CPU time of Farebox beside nginx as a plain reverse proxy, in one run,
# against the same simulated provider, with metering and enforcement on.
#
#   benches/e2e/run.sh [PROXY]       PROXY: target/release/farebox
#
# Then what metering costs: the same process relays the same answer on a route that it meters and on
# one that it only relays, by turns. Then memory: open streams, and streams that nobody reads.
#
# ROUNDS=3 JSON=60000 STREAMS=600 LARGE=3000 CONNECTIONS=32 PAIRS=7 EMBEDDINGS=40 scale it. Prints
# medians of the rounds, and of the ratios of the pairs.
set -euo pipefail
cd "$(dirname "$0")/../.."
proxy=${1:-target/release/farebox}
load=${LOAD:-target/release/examples/load}
rounds=${ROUNDS:-3}
pairs=${PAIRS:-7} embeddings=${EMBEDDINGS:-40}
json=${JSON:-60000} streams=${STREAMS:-600} large=${LARGE:-3000} connections=${CONNECTIONS:-32}
workers=$(nproc)
for tool in nginx redis-server; do
    command -v "$tool" >/dev/null || { echo "error: $tool is missing; apt-get install $tool" >&2; exit 1; }
done
for file in "$proxy" "$load"; do
    [ -x "$file" ] || { echo "error: $file is missing; cargo build --release --bins --examples" >&2; exit 1; }
done
source benches/e2e/start.sh

start_nginx() {
    nginx_port=$("$load" port)
    mkdir -p "$work/nginx"
    sed "s/PORT/$nginx_port/; s/UPSTREAM/$upstream/; s/WORKERS/$workers/" benches/e2e/nginx.conf >"$work/nginx/nginx.conf"
    nginx -p "$work/nginx" -c nginx.conf -e error.log 2>"$work/nginx.log" & nginx_pid=$!
    pids+=("$nginx_pid")
    await "$nginx_port"
}

start_nginx
start_redis
start_farebox embedded
embedded=("$farebox_port" "$farebox_pid" "$farebox_key")
start_farebox redis "redis://127.0.0.1:$redis_port"
redis=("$farebox_port" "$farebox_pid" "$farebox_key")

# measure CASE CALLS NAME PORT PID [KEY [OPTION]]
measure() {
    local line
    line=$("$load" play --case "$1" --calls "$2" --connections "$connections" \
        --warmup "$([ "$1" = embeddings ] && echo 3 || echo 200)" \
        --addr "127.0.0.1:$4" --pid "$5" --key "${6:-none}" ${7:-})
    printf '%s\t%s\t%s\n' "$1" "$3" "$line" >>"$work/results"
    printf '  %-10s %-9s %s\n' "$1" "$3" "$line" >&2
}

echo "$workers cores, $connections connections, $rounds rounds; calls: json $json, streams $streams, large $large" >&2
for _ in $(seq "$rounds"); do
    for case in json stream silent large; do
        case $case in json) calls=$json ;; large) calls=$large ;; *) calls=$streams ;; esac
        measure "$case" "$calls" nginx "$nginx_port" "$nginx_pid"
        measure "$case" "$calls" embedded "${embedded[@]}"
        measure "$case" "$calls" redis "${redis[@]}"
    done
done

# The one that goes first changes, so that a machine that slows down favours neither.
for pair in $(seq "$pairs"); do
    for case in stream silent embeddings; do
        calls=$([ $case = embeddings ] && echo "$embeddings" || echo "$streams")
        for way in $([ $((pair % 2)) = 0 ] && echo metered relayed || echo relayed metered); do
            option=$([ "$way" = metered ] || echo --unmetered)
            measure "$case" "$calls" "$way" "${embedded[@]}" "$option"
        done
    done
done

# hold CASE STREAMS, in a fresh process, so that its memory is that of open streams alone.
hold() {
    start_farebox "hold-$1"
    local idle
    idle=$(awk '/^VmRSS/ { print $2 }' "/proc/$farebox_pid/status")
    "$load" hold --case "$1" --streams "$2" --addr "127.0.0.1:$farebox_port" --pid "$farebox_pid" --key "$farebox_key" |
        awk -F'\t' -v idle="$idle" '{ printf "memory with %d streams: %.1f MiB, %.1f MiB at its peak, %.1f MiB idle: %.1f KiB a stream\n",
            $1, $2 / 1024, $3 / 1024, idle / 1024, ($2 - idle) / $1 }'
}

awk -F'\t' '
    function median(key,   list, n, i, j, t) {
        n = split(values[key], list, " ")
        for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++)
            if (list[j] + 0 < list[i] + 0) { t = list[i]; list[i] = list[j]; list[j] = t }
        return list[int((n + 1) / 2)]
    }
    { values[$1 "," $2] = values[$1 "," $2] " " $6; failures += $4 }
    # Of a pair, both are there once the second one is.
    $2 == "metered" || $2 == "relayed" {
        pending[$1 "," $2] = $6
        if (pending[$1 ",metered"] != "" && pending[$1 ",relayed"] != "") {
            ratios = $1 ",ratio"
            values[ratios] = values[ratios] " " pending[$1 ",metered"] / pending[$1 ",relayed"]
            pending[$1 ",metered"] = pending[$1 ",relayed"] = ""
        }
    }
    END {
        printf "%-34s %10s %10s %8s %10s %8s\n", "CPU microseconds", "nginx", "embedded", "ratio", "redis", "ratio"
        split("json stream silent large embeddings", cases, " ")
        unit["json"] = "a JSON call"; unit["stream"] = "a chunk, usage asked for"
        unit["silent"] = "a chunk, usage not asked for"; unit["large"] = "a call with a 300 KB prompt"
        unit["embeddings"] = "embeddings of 10 MiB, as numbers"
        for (i = 1; i <= 4; i++) {
            c = cases[i]; n = median(c ",nginx"); e = median(c ",embedded"); r = median(c ",redis")
            printf "%-34s %10.2f %10.2f %7.2fx %10.2f %7.2fx\n", unit[c], n, e, e / n, r, r / n
        }
        if (values["stream,ratio"] != "") {
            printf "\n%-34s %10s %10s %8s\n", "CPU microseconds", "relayed", "metered", "ratio"
            for (i = 2; i <= 5; i++) if (i != 4) {
                c = cases[i]
                printf "%-34s %10.2f %10.2f %7.3fx\n", unit[c], median(c ",relayed"), median(c ",metered"), median(c ",ratio")
            }
        }
        print "failed calls: " failures + 0
        exit failures > 0
    }' "$work/results"
hold stall 1000
hold unread 200
