"""The listed disagreements: what each does to the question, so that genai-prices agrees."""

import tomllib
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from genai_prices.types import ModelPrice, TimeOfDateConstraint, Usage

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CONDITIONS = {"name", "provider", "models", "tiers", "before", "days", "reason"}
EFFECTS = {"undated_tiers", "no_hours", "no_minimum", "one_search", "prices"}


class Disagreements:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.entries = tomllib.load(file)["disagreement"]
        for entry in self.entries:
            unknown = entry.keys() - CONDITIONS - EFFECTS
            effects = entry.keys() & EFFECTS
            if unknown or len(effects) != 1 or not entry.get("reason"):
                what = f"unknown {sorted(unknown)}" if unknown else "no reason, or not one effect"
                raise SystemExit(f"{path}: {entry.get('name')}: {what}")

    def names(self, model):
        """Whether an entry is about this very model."""
        named = [entry for entry in self.entries if "models" in entry]
        return any(is_of(entry, model) for entry in named)

    def explain(self, model, usage, at, when):
        """The entries that change the cost, and the cost that they lead to together."""
        applied, cost = [], model.price(usage, at, when)
        question = Question(model, usage)
        for entry in self.entries:
            if is_about(entry, model, at, when):
                question.change(entry)
                changed = question.price(at, when)
                if changed != cost:
                    applied.append(entry["name"])
                cost = changed
        return applied, cost


def is_of(entry, model):
    names = entry.get("models", [model.name])
    return entry["provider"] == model.provider and bool({model.name, model.info.id} & {*names})


def is_about(entry, model, at, when):
    day = DAYS[at.weekday()]
    tier = next(iter((when or {}).values()), "default")
    before = entry.get("before")
    return (
        is_of(entry, model)
        and tier in entry.get("tiers", [tier])
        and day in entry.get("days", [day])
        and (before is None or at < datetime.combine(before, datetime.min.time(), UTC))
    )


class Question:
    """What genai-prices is asked, as far as entries have changed it."""

    def __init__(self, model, usage):
        self.source, self.info, self.usage = model.source, model.info, usage
        self.prices, self.minimum = {}, True

    def change(self, entry):
        standard_changes = isinstance(self.info.prices, list)
        if "undated_tiers" in entry and not standard_changes:
            variants = [replace(v, constraint=None) for v in self.info.price_variants or []]
            self.info = replace(self.info, price_variants=variants)
        elif "no_hours" in entry and standard_changes:
            prices = [
                block
                for block in self.info.prices
                if not isinstance(block.constraint, TimeOfDateConstraint)
            ]
            self.info = replace(self.info, prices=prices)
        elif "no_minimum" in entry:
            self.minimum = False
        elif "one_search" in entry:
            reported = dict(self.usage.__dict__)
            reported["web_searches"] = min(reported.get("web_searches", 0), 1)
            self.usage = Usage(**reported)
        elif "prices" in entry:
            self.prices |= {key: Decimal(price) for key, price in entry["prices"].items()}

    def price(self, at, when):
        prices = self.info.get_prices(at, when)
        if self.prices:
            prices = ModelPrice(**(prices.__dict__ | self.prices))
        if not self.minimum:
            return prices.calc_price(self.usage)["total_price"]
        # A copy with these prices only, so that what genai-prices does beside them is done.
        info = replace(copy(self.info), prices=prices, price_variants=None)
        return info.calc_price(
            self.usage, self.source, genai_request_timestamp=at
        ).total_price
