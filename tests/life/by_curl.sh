#!/usr/bin/env bash
# Workspace, user, key, limit, calls, usage, bump, reset, suspend, rotate with grace, revoke, delete,
# with nothing but curl. APPS, FAREBOX_ADMIN_URL and FAREBOX_ADMIN_TOKEN say where.
set -euo pipefail

# ask STATUS METHOD PATH [BODY]: the answer is in $answer, its status must be as said.
ask() {
    local status=$1 method=$2 path=$3
    local got
    got=$(curl -sS -o answer -w '%{http_code}' -X "$method" "$FAREBOX_ADMIN_URL$path" \
        -H "Authorization: Bearer $FAREBOX_ADMIN_TOKEN" ${4:+-H 'Content-Type: application/json' -d "$4"})
    answer=$(cat answer)
    [ "$got" = "$status" ] || { echo "$method $path: $got instead of $status: $answer" >&2; exit 1; }
}

# has TEXT…: the answer holds each of them.
has() {
    local text
    for text; do
        case $answer in *"$text"*) ;; *) echo "no $text in $answer" >&2; exit 1 ;; esac
    done
}

# field NAME: the text of a field of the answer.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" answer; }

# call STATUS KEY: a call to a model.
call() {
    local got
    got=$(curl -sS -o answer -w '%{http_code}' "$APPS/chat/completions" -H "Authorization: Bearer $2" \
        -H 'Content-Type: application/json' \
        -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}')
    answer=$(cat answer)
    [ "$got" = "$1" ] || { echo "a call: $got instead of $1: $answer" >&2; exit 1; }
}

# settled USER: waits until a call of a user is in the list of requests.
settled() {
    for _ in $(seq 100); do
        ask 200 GET "/api/v1/requests?user=$1"
        case $answer in *'"ending":"finished"'*) return ;; esac
        sleep 0.05
    done
    echo "no call of $1 was settled" >&2
    exit 1
}

ask 201 POST /api/v1/workspaces '{"id":"eng","name":"Engineering","limits":["100usd/month"]}'
ask 201 POST /api/v1/users '{"id":"ann","workspace":"eng","limits":["1usd/month"]}'
has '"workspace":"eng"' '"dollars_per_period":"1"'
ask 422 POST /api/v1/users '{"id":"big","workspace":"eng","limits":["101usd/month"]}'
has '101' 'workspace:eng'
ask 201 POST /api/v1/keys '{"user":"ann","name":"ci"}'
key=$(field key) id=$(field id)
ask 200 PUT /api/v1/limits/user:ann '{"limits":["2usd/month","100requests/minute"]}'
has '"limit":"2"'
call 200 "$key"
settled ann
ask 200 GET '/api/v1/analytics/usage?user=ann&group_by=model'
has '"model":"gpt-4o-mini"' '"requests":1'
ask 200 GET '/api/quota/status?user=ann'
has '"success":true' '"requests_per_minute"' '"budget"'
ask 200 POST /api/v1/limits/user:ann/bump '{"amount":"+3usd","for":"2h"}'
has '"limit":"5"'
ask 200 POST /api/quota/reset '{"account":"user:ann"}'
has '"success":true' '"before"'
ask 200 GET /api/v1/users/ann
has '"dollars_used":"0"'
ask 200 POST /api/v1/users/ann/suspend '{}'
has '"status":"suspended"'
call 403 "$key"
ask 200 POST /api/v1/users/ann/resume '{}'
ask 201 POST "/api/v1/keys/$id/rotate" '{"grace":"10m"}'
new=$(field key) fresh=$(field id)
call 200 "$key"
call 200 "$new"
ask 204 DELETE "/api/v1/keys/$id"
for _ in $(seq 60); do
    curl -sS -o answer "$APPS/models" -H "Authorization: Bearer $key"
    grep -q invalid_api_key answer && break
    sleep 0.05
done
call 401 "$key"
call 200 "$new"
ask 204 DELETE /api/v1/users/ann
ask 404 GET /api/v1/users/ann
call 401 "$new"
ask 204 DELETE /api/v1/workspaces/eng

ask 200 GET '/api/v1/audit?limit=200'
for action in workspace.create user.create key.create user.limits user.bump user.reset \
    user.suspend user.resume key.rotate key.revoke user.delete workspace.delete; do
    has "\"action\":\"$action\""
done
has "key:$fresh" '"source":"api"'
echo "ok life.curl"
