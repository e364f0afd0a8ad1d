#!/usr/bin/env bash
# The same by the command line alone. `farebox` is on the path; FAREBOX_ADMIN_URL and
# FAREBOX_ADMIN_TOKEN say where.
set -euo pipefail

# run STATUS VERB…: what it prints is in $said, its exit status must be as said.
run() {
    local status=$1 got=0
    shift
    said=$(farebox "$@" 2>err) || got=$?
    [ "$got" = "$status" ] || { echo "farebox $*: exit $got instead of $status: $said $(cat err)" >&2; exit 1; }
}

has() {
    local text
    for text; do
        case $said in *"$text"*) ;; *) echo "no $text in $said" >&2; exit 1 ;; esac
    done
}

field() { sed -n "s/^ *\"$1\": *\"\([^\"]*\)\".*/\1/p" <<<"$said" | head -n 1; }

# call STATUS KEY
call() {
    local got
    got=$(curl -sS -o answer -w '%{http_code}' "$APPS/chat/completions" -H "Authorization: Bearer $2" \
        -H 'Content-Type: application/json' \
        -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}')
    [ "$got" = "$1" ] || { echo "a call: $got instead of $1: $(cat answer)" >&2; exit 1; }
}

run 0 workspaces create ops --limit 100usd/month
run 0 users create bea --workspace ops --limit 1usd/month
run 6 users create bea
run 0 keys create --user bea --name ci --json
key=$(field key) id=$(field id)
run 0 limits set user:bea 2usd/month 100requests/minute
has '1 usd/month → 2 usd/month'
run 2 limits set user:bea -1usd/month
call 200 "$key"
for _ in $(seq 100); do
    run 0 usage --user bea --group-by model --json
    case $said in *gpt-4o-mini*) break ;; esac
    sleep 0.05
done
has gpt-4o-mini
run 0 limits bump user:bea +3usd --for 2h
run 0 limits show user:bea --json
has '"limit": "5"'
run 0 limits reset user:bea --yes
run 0 users suspend bea
call 403 "$key"
run 0 users resume bea
run 0 keys rotate "$id" --grace 10m --json
new=$(field key)
call 200 "$key"
call 200 "$new"
run 2 keys revoke "$id" </dev/null
run 0 keys revoke "$id" --yes
run 0 users delete bea --yes
run 5 users show bea
run 0 workspaces delete ops --yes
run 0 ledger verify

# The audit says of each step that it came by the command line.
curl -sS "$FAREBOX_ADMIN_URL/api/v1/audit?limit=200" -H "Authorization: Bearer $FAREBOX_ADMIN_TOKEN" |
    sed 's/},{"account"/},\n{"account"/g' >audit
for action in workspace.create user.create key.create user.limits user.bump user.reset \
    user.suspend user.resume key.rotate key.revoke user.delete workspace.delete; do
    grep "\"action\":\"$action\"" audit | grep -q '"source":"cli"' ||
        { echo "no $action by cli in the audit" >&2; exit 1; }
done
echo "ok life.cli"
