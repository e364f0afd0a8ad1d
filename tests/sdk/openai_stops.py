"""The real `openai` Python package on streams that Farebox stops, since their budget is spent.

Environment: OPENAI_BASE_URL, FAREBOX_BRIEF_KEYS (two keys with 0.001usd/day each, of a Farebox with
`on_exhausted = "stop"` before the simulated provider). Prints one `ok NAME` line a check; the first
failure ends it with status 1.
"""

import json
import os
import sys

import openai

MODEL = "gpt-4o-mini"
PROMPT = "Count the fares."
LONG = {"x-simulate": json.dumps({"output": 20000, "chunks": 200, "pad": 80000, "delay_ms": 1})}

attempts = 0


def count(_request):
    global attempts
    attempts += 1


def client(key):
    http = openai.DefaultHttpxClient(event_hooks={"request": [count]})
    return openai.OpenAI(api_key=key, http_client=http)


def chat(api):
    messages = [{"role": "user", "content": PROMPT}]
    return api.chat.completions.create(
        model=MODEL, messages=messages, stream=True, extra_headers=LONG
    )


def response(api):
    return api.responses.create(model=MODEL, input=PROMPT, stream=True, extra_headers=LONG)


def stopped(call, key):
    """After some text comes an error that says why, and no second attempt."""
    global attempts
    attempts, pieces = 0, 0
    try:
        for _ in call(client(key)):
            pieces += 1
    except openai.APIError as stop:
        assert type(stop) is openai.APIError, f"an error of the connection: {stop!r}"
        assert stop.code == "insufficient_quota", stop
        assert "stopped in the middle: the limit of 0.001 usd/day" in stop.message, stop
        print(f"   {stop.message}", file=sys.stderr)
    else:
        raise AssertionError("a stream over the budget ran to its end")
    assert pieces > 1 and attempts == 1, f"{pieces} pieces, {attempts} attempts"


if __name__ == "__main__":
    for check, key in zip([chat, response], os.environ["FAREBOX_BRIEF_KEYS"].split(",")):
        try:
            stopped(check, key)
        except Exception as why:
            sys.exit(f"failed stops.{check.__name__}: {type(why).__name__}: {why}")
        print(f"ok stops.{check.__name__}", flush=True)
