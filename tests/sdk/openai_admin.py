"""OpenAI's own client for administrators reads Farebox' figures: usage and costs by page, and the
sum agrees with what `farebox usage` says. Through Farebox only; runs after the other checks.

Environment beside that of `checks.py`: FAREBOX_ADMIN_URL, FAREBOX_TOKEN_FILE.
"""

import datetime
import decimal
import json
import os
import time
import urllib.request

import openai

from checks import KEY, URL, run

ADMIN_URL = os.environ["FAREBOX_ADMIN_URL"]
TOKEN = open(os.environ["FAREBOX_TOKEN_FILE"], encoding="utf-8").read().strip()
TODAY = int(time.time()) // 86_400 * 86_400


def administrator():
    return openai.OpenAI(api_key="none", admin_api_key=TOKEN, base_url=f"{ADMIN_URL}/v1")


def ledger():
    """What the admin API itself says of today, by model."""
    since = datetime.datetime.fromtimestamp(TODAY, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = f"/api/v1/analytics/usage?since={since}&group_by=model&detail=true"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with urllib.request.urlopen(urllib.request.Request(ADMIN_URL + path, headers=headers)) as page:
        return json.load(page)["data"]


def dollars(buckets):
    results = [result for bucket in buckets for result in bucket.results]
    return sum(decimal.Decimal(str(result.amount.value)) for result in results)


def usage_is_read(usage):
    page = usage.completions(start_time=TODAY, group_by=["model"])
    assert page.object == "page" and not page.has_more, page
    rows = {row.model: row for bucket in page.data for row in bucket.results}
    known = {row["model"]: row for row in ledger()}
    assert rows, page
    for model, row in rows.items():
        assert row.object == "organization.usage.completions.result", row
        assert row.input_tokens <= known[model]["input_tokens"], (row, known[model])
        assert row.input_cached_tokens <= row.input_tokens and row.user_id is None, row
    assert sum(row.input_tokens for row in rows.values()) > 0, rows
    images = usage.images(start_time=TODAY)
    assert images.data[-1].results[0].images > 0, images


def costs_equal_the_ledger(usage):
    page = usage.costs(start_time=TODAY, group_by=["line_item"])
    known = sum(decimal.Decimal(row["cost_usd"]) for row in ledger())
    assert abs(dollars(page.data) - known) < decimal.Decimal("0.000001"), (page, known)


def a_key_reads_its_own(_usage):
    own = openai.OpenAI(api_key="none", admin_api_key=KEY, base_url=f"{URL}/v1")
    page = own.admin.organization.usage.completions(start_time=TODAY, group_by=["user_id"])
    users = {row.user_id for bucket in page.data for row in bucket.results}
    assert users == {"rich"}, users


def a_bad_query_is_refused(usage):
    try:
        usage.completions(start_time=TODAY, limit=1_000)
    except openai.BadRequestError as refusal:
        assert refusal.param == "limit", refusal
    else:
        raise AssertionError("a limit of 1,000 days was taken")


CHECKS = [usage_is_read, costs_equal_the_ledger, a_key_reads_its_own, a_bad_query_is_refused]

if __name__ == "__main__":
    run("admin", administrator().admin.organization.usage, CHECKS, [])
