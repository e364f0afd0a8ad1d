#!/usr/bin/env bash
# What a refusal costs beside a call that is served: CPU time of the same process for the same POST
# over the same connections, by turns, with the embedded ledger and with Redis.
#
#   benches/e2e/refusals.sh [PROXY]       PROXY: target/release/farebox
#
# Callers: one with money; one without requests left, who is refused before the body is read; one
# whose budget is too small for the call, which has to be read for that. PAIRS=5 SERVED=20000
# REFUSED=200000 CONNECTIONS=32 scale it. Prints medians.
set -euo pipefail
cd "$(dirname "$0")/../.."
proxy=${1:-target/release/farebox}
load=${LOAD:-target/release/examples/load}
pairs=${PAIRS:-5} served=${SERVED:-20000} refused=${REFUSED:-200000} connections=${CONNECTIONS:-32}
for file in "$proxy" "$load"; do
    [ -x "$file" ] || { echo "error: $file is missing; cargo build --release --bins --examples" >&2; exit 1; }
done
source benches/e2e/start.sh

# key_of USER LIMIT: a key of a new user.
key_of() {
    "$proxy" users create "$1" --limit "$2" --json >/dev/null
    "$proxy" keys create --user "$1" --json | grep -o 'sk-fb-[A-Za-z0-9]\{43\}' | head -n 1 || true
}

# turns LEDGER: plays all callers against the proxy that was started last.
turns() {
    local requests budget line caller calls key status
    requests=$(key_of requests 0requests/day) budget=$(key_of budget 0.000001usd/day)
    for _ in $(seq "$pairs"); do
        for caller in "served $served $farebox_key 200" "requests $refused $requests 429" "budget $refused $budget 429"; do
            read -r caller calls key status <<<"$caller"
            line=$("$load" play --case json --calls "$calls" --connections "$connections" \
                --addr "127.0.0.1:$farebox_port" --pid "$farebox_pid" --key "$key" --status "$status")
            printf '%s\t%s\t%s\n' "$1" "$caller" "$line" | tee -a "$work/results" >&2
        done
    done
}

start_farebox embedded
turns embedded
start_redis
start_farebox redis "redis://127.0.0.1:$redis_port"
before=$(redis-cli -p "$redis_port" INFO commandstats | grep -o 'evalsha:calls=[0-9]*' | cut -d= -f2 || echo 0)
turns redis
after=$(redis-cli -p "$redis_port" INFO commandstats | grep -o 'evalsha:calls=[0-9]*' | cut -d= -f2)

awk -F'\t' -v scripts="$((after - ${before:-0}))" '
    function median(key,   list, n, i, j, t) {
        n = split(values[key], list, " ")
        for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++)
            if (list[j] + 0 < list[i] + 0) { t = list[i]; list[i] = list[j]; list[j] = t }
        return list[int((n + 1) / 2)]
    }
    {
        cpu = $1 "," $2 ",cpu"; rate = $1 "," $2 ",rate"
        values[cpu] = values[cpu] " " $6
        values[rate] = values[rate] " " $3 / $5
        failures += $4; calls[$1 "," $2] += $3
    }
    END {
        printf "%-10s %-30s %12s %8s %12s %8s\n", "ledger", "", "CPU us/call", "ratio", "calls/s", "ratio"
        split("embedded redis", ledgers, " "); split("served requests budget", callers, " ")
        said["served"] = "served"; said["requests"] = "refused before its body"
        said["budget"] = "refused for its amount"
        for (l = 1; l <= 2; l++) for (c = 1; c <= 3; c++) {
            of = ledgers[l] "," callers[c]; first = ledgers[l] ",served"
            cpu = median(of ",cpu"); rate = median(of ",rate")
            printf "%-10s %-30s %12.2f %7.1fx %12.0f %7.1fx\n", ledgers[l], said[callers[c]], cpu,
                median(first ",cpu") / cpu, rate, rate / median(first ",rate")
        }
        print "scripts that Redis ran: " scripts " for " calls["redis,served"] " served and " \
            calls["redis,requests"] + calls["redis,budget"] " refused calls"
        print "failed calls: " failures + 0
        exit failures > 0
    }' "$work/results"
