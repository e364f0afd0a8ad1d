# Starting what is measured, for the benchmarks beside this file, which source it. Needs $proxy and
# $load; gives await, start_redis, start_farebox and the directory $work, and cleans up at the exit.

proxy=$(realpath "$proxy") load=$(realpath "$load")
work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
ulimit -n "$(ulimit -Hn)"

# Waits until something listens on a port.
await() {
    for _ in $(seq 200); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
        sleep 0.05
    done
    echo "error: nothing listens on port $1; see below" >&2
    tail -n 20 "$work"/*.log >&2
    return 1
}

"$load" simulate >"$work/simulate" 2>"$work/simulate.log" & pids+=($!)
until [ -s "$work/simulate" ]; do sleep 0.05; done
upstream=$(head -n 1 "$work/simulate")

start_redis() {
    redis_port=$("$load" port)
    mkdir -p "$work/redis"
    redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$work/redis" --save '' --appendonly yes \
        --appendfsync everysec --maxmemory-policy noeviction >"$work/redis.log" 2>&1 & pids+=($!)
    await "$redis_port"
}

# start_farebox NAME [REDIS_URL]: sets farebox_port, farebox_pid, farebox_key.
start_farebox() {
    local dir="$work/$1" redis=${2:-} admin_port
    mkdir -p "$dir"
    farebox_port=$("$load" port) admin_port=$("$load" port)
    export FAREBOX_ADMIN_TOKEN=bench-admin-token-0123456789abcdef
    export FAREBOX_ADMIN_URL="http://127.0.0.1:$admin_port"
    local redis_line=""
    [ -z "$redis" ] || redis_line="redis_url = '$redis'"
    cat >"$dir/farebox.toml" <<TOML
listen = "127.0.0.1:$farebox_port"
admin_listen = "127.0.0.1:$admin_port"
[ledger]
data_dir = "$dir/ledger"
$redis_line
[enforcement]
unmetered_route = "forward"
[admin]
token = "$FAREBOX_ADMIN_TOKEN"
requests_per_minute = 1000000
[providers.openai]
dialect = "openai"
base_url = "http://$upstream/v1"
[[providers.openai.credentials]]
name = "bench"
api_key = "sk-bench"
TOML
    "$proxy" serve --config "$dir/farebox.toml" >"$work/$1.log" 2>&1 & farebox_pid=$!
    pids+=("$farebox_pid")
    await "$admin_port"
    await "$farebox_port"
    "$proxy" users create bench --limit 1000000usd/month --limit 100000000requests/minute \
        --limit 1000000000000tokens/minute --json >/dev/null
    farebox_key=$("$proxy" keys create --user bench --json | grep -o 'sk-fb-[A-Za-z0-9]\{43\}' | head -n 1 || true)
    [ -n "$farebox_key" ] || { echo "error: no key was created" >&2; exit 1; }
}
