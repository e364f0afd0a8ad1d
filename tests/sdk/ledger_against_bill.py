"""Compares what the ledger charged with what the simulated provider billed, class by class.

    FAREBOX_ADMIN_URL=… python3 ledger_against_bill.py http://PROVIDER ADMIN_TOKEN_FILE

For each model, every figure that the provider's bill has (cached input, writes by lifetime, sound,
images, pages, search units, …) must be in the ledger with the same sum, and nothing may be estimated.
"""

import json
import os
import sys
import urllib.request
from collections import Counter, defaultdict

provider, token_file = sys.argv[1], sys.argv[2]
admin = os.environ["FAREBOX_ADMIN_URL"].rstrip("/")
with open(token_file, encoding="utf-8") as file:
    token = file.read().strip()


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return json.load(answer)


def events():
    after = ""
    while True:
        url = f"{admin}/api/v1/requests?limit=200{after}"
        page = get(url, authorization=f"Bearer {token}")
        yield from page["data"]
        if not page["has_more"]:
            return
        after = f"&after={page['next_cursor']}"


charged = defaultdict(Counter)
dialects = Counter()
for event in events():
    assert not event["estimated"], f"estimated: {event}"
    dialects[event["dialect"]] += 1
    for figure, count in event["usage"].items():
        charged[event["model"]][figure] += count

wrong, figures = [], 0
for model, total in get(f"{provider}/sim/bill")["totals"].items():
    for figure, count in total["usage"].items():
        found = charged[model][figure]
        figures += 1
        if found != count:
            wrong.append(f"{model} {figure}: billed {count}, charged {found}")
if wrong:
    sys.exit("ledger and bill differ:\n  " + "\n  ".join(wrong))
seen = ", ".join(f"{name} {n}" for name, n in sorted(dialects.items()))
print(f"ledger = bill in {figures} figures of {len(charged)} models ({seen})")
