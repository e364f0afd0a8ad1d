#!/usr/bin/env bash
# What live clients cost: the latency of a call with and without a thousand of them and a page of
# users read every 100 ms, by turns, in one run; their memory; their subscriptions to Redis.
#
#   benches/e2e/live.sh [PROXY]       PROXY: target/release/farebox
#
# CLIENTS=1000 TURNS=5 CALLS=400 scale it. All clients watch everything, so that each call is an
# update for each of them; SCOPE=user lets each watch a user of its own, which is what people do.
set -euo pipefail
cd "$(dirname "$0")/../.."
proxy=${1:-target/release/farebox}
load=${LOAD:-target/release/examples/load}
for file in "$proxy" "$load"; do
    [ -x "$file" ] || { echo "error: $file is missing; cargo build --release --bins --examples" >&2; exit 1; }
done
source benches/e2e/start.sh
start_redis
start_farebox redis "redis://127.0.0.1:$redis_port"
python3 benches/e2e/live.py "$farebox_port" "$FAREBOX_ADMIN_URL" "$farebox_key" "$farebox_pid"
printf 'subscriptions to Redis: %s\n' \
    "$(redis-cli -p "$redis_port" PUBSUB NUMSUB 'farebox:{0}:hints' | tail -n 1)"
