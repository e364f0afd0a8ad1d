"""What the checks of all SDKs share: where to call, with which keys, and how a check is run.

Environment: FAREBOX_URL (`http://HOST:PORT`, without a path), FAREBOX_KEY (a key with money) and,
behind Farebox, FAREBOX_SPENT_KEY (a key whose budget is spent). Without FAREBOX_SPENT_KEY the
checks run against a bare simulated provider, and those that need a refusal are left out.
"""

import json
import os
import sys

URL = os.environ["FAREBOX_URL"].rstrip("/")
KEY = os.environ["FAREBOX_KEY"]
SPENT_KEY = os.environ.get("FAREBOX_SPENT_KEY")

attempts = 0


def count(_request):
    """An event hook: one request left."""
    global attempts
    attempts += 1


def play(**script):
    """The header that tells the simulated provider what to answer."""
    return {"x-simulate": json.dumps(script)}


def refused_once(call, error, status_of):
    """The call is refused with 429 after exactly one attempt, as the SDK's own error."""
    global attempts
    attempts = 0
    try:
        call()
    except error as refusal:
        assert status_of(refusal) == 429, refusal
    else:
        raise AssertionError("a call over the budget was admitted")
    assert attempts == 1, f"{attempts} attempts"


def run(sdk, api, checks, refusals):
    """Runs the checks in order; prints one `ok NAME` line each; the first failure ends all."""
    for check in checks + (refusals if SPENT_KEY else []):
        try:
            check(api)
        except Exception as why:
            sys.exit(f"failed {sdk}.{check.__name__}: {type(why).__name__}: {why}")
        print(f"ok {sdk}.{check.__name__}", flush=True)
    if not SPENT_KEY:
        print(f"left out {sdk}: {', '.join(check.__name__ for check in refusals)}", flush=True)
