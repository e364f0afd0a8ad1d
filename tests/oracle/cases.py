"""Writes random usages, one JSON object a line, with what genai-prices says that each costs.

    cases.py PRICING_TOML DISAGREEMENTS_TOML

The seed is fixed, so the same data gives the same lines. Of pricing.toml only names of models are
read; every price comes from genai-prices. A line that an entry of disagreements.toml is about also
has the cost that this entry leads to. What is compared, and how, is in main.rs.
"""

import json
import random
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal, getcontext

from genai_prices.data import providers
from genai_prices.types import StartDateConstraint, TieredPrices, TimeOfDateConstraint, Usage

from disagreements import Disagreements

getcontext().prec = 80
SEED = 20261128
FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)
# The prices of today are what is asked for most.
TODAY = datetime(2026, 11, 10, tzinfo=UTC)

# Providers that both know, by Farebox's name.
PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "aws",
    "cloudflare": "cloudflare",
    "cohere": "cohere",
    "databricks": "databricks",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "moonshot": "moonshotai",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "xai": "x-ai",
}

# Figures of Farebox and the usage keys of genai-prices. Both count totals with their parts.
TOKENS = {
    "input_tokens_total": "input_tokens",
    "cached_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "audio_input": "input_audio_tokens",
    "image_input": "input_image_tokens",
    "video_input": "input_video_tokens",
    "tool_use_input": "input_tool_tokens",
    "cached_audio": "cache_audio_read_tokens",
    "cached_image": "cache_image_read_tokens",
    "output_tokens_total": "output_tokens",
    "reasoning": "output_reasoning_tokens",
    "audio_output": "output_audio_tokens",
    "image_output": "output_image_tokens",
}
# Disjoint parts of the input and of the output, with the figures that each counts towards.
INPUT_PARTS = {
    "text": [],
    "cached": ["cached_read"],
    "cached_audio": ["cached_read", "cached_audio", "audio_input"],
    "cached_image": ["cached_read", "cached_image", "image_input"],
    "write": ["cache_write"],
    "write_5m": ["cache_write", "cache_write_5m"],
    "write_1h": ["cache_write", "cache_write_1h"],
    "audio": ["audio_input"],
    "image": ["image_input"],
    "video": ["video_input"],
    "tool": ["tool_use_input"],
}
OUTPUT_PARTS = {
    "text": [],
    "reasoning": ["reasoning"],
    "audio": ["audio_output"],
    "image": ["image_output"],
}
# What is not tokens: the price key, the figure, the usage keys.
UNITS = [
    ("web_searches_kcount", "web_search_requests", ["web_searches"]),
    ("audio_hours", "duration_seconds", ["audio_seconds", "input_audio_seconds"]),
    ("input_mchars", "characters", ["input_characters"]),
    ("input_document_kpages", "pages", ["input_document_pages"]),
    ("rerank_searches_kcount", "search_units", ["rerank_searches"]),
]


class Model:
    """A model of genai-prices, under a name that Farebox may know too."""

    def __init__(self, provider, source, name, info):
        self.provider, self.source, self.name, self.info = provider, source, name, info
        standard = info.prices if isinstance(info.prices, list) else []
        variants = info.price_variants or []
        blocks = [block.prices for block in standard] or [info.prices]
        blocks += [variant.prices for variant in variants]
        prices = [pair for block in blocks for pair in block.__dict__.items() if pair[1] is not None]
        self.keys = {key for key, _ in prices}
        tiered = [price for _, price in prices if isinstance(price, TieredPrices)]
        self.thresholds = sorted({tier.start for price in tiered for tier in price.tiers})
        constraints = [block.constraint for block in [*standard, *variants]]
        self.dates = sorted(
            {c.start_date for c in constraints if isinstance(c, StartDateConstraint)}
        )
        hours = [c for c in constraints if isinstance(c, TimeOfDateConstraint)]
        self.hours = sorted({time for c in hours for time in (c.start_time, c.end_time)})
        # Routes and kinds of search are no conditions of Farebox's.
        known = ({"processing"}, {"service_tier"}, {"speed"})
        self.tiers = [variant.when for variant in variants if set(variant.when) in known]

    def price(self, usage, at, when):
        """The exact cost, in dollars."""
        return self.info.calc_price(
            usage, self.source, genai_request_timestamp=at, price_context=when
        ).total_price


def models(table):
    """Each name that genai-prices knows at a provider, ours and theirs; ours are marked."""
    sources = {source.id: source for source in providers}
    for provider, source in ((ours, sources[theirs]) for ours, theirs in PROVIDERS.items()):
        entries = [entry for entry in table["model"] if entry["provider"] == provider]
        ours = {name for entry in entries for name in [entry["id"], *entry.get("aliases", [])]}
        theirs = {info.id for info in source.models}
        for name in sorted(ours | theirs):
            info = source.find_model(name)
            if info is not None:
                yield Model(provider, source, name, info), name in ours


def moment(chance, model):
    """Around changes, around hours, today, or at any time."""
    at = TODAY + timedelta(milliseconds=chance.randrange(10 * 86_400_000))
    kind = chance.random()
    if model.hours and kind < 0.7:
        days = [at.date(), *(date + timedelta(days=n) for date in model.dates for n in range(-6, 3))]
        at = datetime.combine(chance.choice(days), chance.choice(model.hours))
        at += timedelta(milliseconds=chance.choice([-1, 0, 1, 1_800_000]))
    elif model.dates and kind < 0.5:
        at = datetime.combine(chance.choice(model.dates), datetime.min.time(), UTC)
        at += timedelta(milliseconds=chance.choice([-86_400_000, -1, 0, 1, 86_400_000]))
    elif kind > 0.85:
        at = FIRST + (LAST - FIRST) * chance.random()
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def divided(chance, total, parts):
    """Random disjoint parts that add up to the total."""
    parts = [part for part in parts if part == "text" or chance.random() < 0.6]
    cuts = sorted(chance.randint(0, total) for _ in parts[1:])
    return dict(zip(parts, (b - a for a, b in zip([0, *cuts], [*cuts, total])), strict=True))


def tokens(chance, model):
    """Figures of a call with a random number of tokens of every class."""
    total = int(10 ** chance.uniform(0, 6)) - 1
    if model.thresholds and chance.random() < 0.6:
        total = chance.choice(model.thresholds) + chance.choice([-1, 0, 1, 2])
    parts = set(INPUT_PARTS)
    # Where a class has a price and its cached part has none, genai-prices takes the cached part
    # out of the text twice.
    for cached, whole, own in (
        ("cached_audio", "input_audio_mtok", "cache_audio_read_mtok"),
        ("cached_image", "input_image_mtok", "cache_image_read_mtok"),
    ):
        if whole in model.keys and own not in model.keys:
            parts.remove(cached)
    figures = {"input_tokens_total": total, "output_tokens_total": int(10 ** chance.uniform(0, 5))}
    for side, of_side in (("input", INPUT_PARTS), ("output", OUTPUT_PARTS)):
        wanted = [part for part in of_side if side == "output" or part in parts]
        for part, count in divided(chance, figures[f"{side}_tokens_total"], wanted).items():
            for figure in of_side[part]:
                figures[figure] = figures.get(figure, 0) + count
    return figures


def usage(chance, model):
    """The same usage in both forms."""
    figures = tokens(chance, model)
    theirs = {key: figures.get(figure, 0) for figure, key in TOKENS.items()}
    for price, figure, keys in UNITS:
        # Searches that have no price there must have none here.
        priced = 0.7 if price in model.keys else 0.3 if price == "web_searches_kcount" else 0
        if chance.random() >= priced:
            continue
        count = chance.choice([1, 2, 3, chance.randrange(100_000)])
        if figure == "duration_seconds":
            count = Decimal(chance.choice([count * 1000, chance.randrange(20_000)])) / 1000
        if figure == "web_search_requests" and model.provider == "gemini":
            figure = "web_search_queries"
        figures[figure] = count
        theirs |= dict.fromkeys(keys, count)
    return figures, Usage(**theirs)


def nanos(dollars):
    return int((dollars * 10**9).to_integral_value(ROUND_CEILING))


def case(chance, model, disagreements):
    at = moment(chance, model)
    when = chance.choice([None, *model.tiers]) if chance.random() < 0.8 else None
    figures, theirs = usage(chance, model)
    line = {
        "provider": model.provider,
        "model": model.name,
        "at_ms": round(at.timestamp() * 1000),
        "usage": {figure: float(n) if isinstance(n, Decimal) else n for figure, n in figures.items()},
        "nanousd": nanos(model.price(theirs, at, when)),
    }
    for condition, value in (when or {}).items():
        line["speed" if condition == "speed" else "service_tier"] = value
    entries, explained = disagreements.explain(model, theirs, at, when)
    return line | {"entries": entries, "explained_nanousd": nanos(explained)}


def main(table, listed):
    disagreements = Disagreements(listed)
    with open(table, "rb") as file:
        known = list(models(tomllib.load(file)))
    for model, ours in known:
        # Each has its own chance, so that another model changes none of its lines.
        chance = random.Random(f"{SEED} {model.provider} {model.name}")
        conditions = len(model.tiers) + len(model.dates) + 8 * len(model.hours)
        conditions += 10 * disagreements.names(model)
        for _ in range(6 + 2 * conditions if ours else 2):
            print(json.dumps(case(chance, model, disagreements)))


if __name__ == "__main__":
    main(*sys.argv[1:])
