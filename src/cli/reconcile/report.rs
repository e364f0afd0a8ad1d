//! What is printed: a table and a verdict for people, an object for scripts.

use super::super::table::{Cell, Table};
use super::super::{Console, Failure};
use super::amount::Amount;
use super::compare::{Comparison, Row, Told};
use super::figures::Used;
use super::percent::{Tolerance, share};
use super::source::Source;
use super::span::{Range, Span};
use crate::clock::rfc3339_seconds;
use serde_json::{Value, json};

/// Prints the comparison.
pub(super) fn print(
    console: &mut Console,
    source: Source,
    span: &Span,
    comparison: &Comparison,
    tolerance: Tolerance,
) -> Result<(), Failure> {
    if console.flags.json {
        return console.json(&object(source, span, comparison, tolerance));
    }
    let told = comparison.told;
    console.line(&period(span, told))?;
    let mut table = Table::new(&[
        "DAY",
        "MODEL",
        "REQUESTS",
        "TOKENS",
        "LEDGER",
        "PROVIDER",
        "DIFFERENCE",
        "%",
    ]);
    for row in &comparison.rows {
        table.row(cells(row, &row.day, &row.model, told));
    }
    if !comparison.rows.is_empty() {
        table.row(cells(&comparison.total, "total", "", told));
    }
    console.table(&table)?;
    for line in classes(&comparison.total, told) {
        console.line(&line)?;
    }
    console.line(&verdict(source, comparison))
}

fn period(span: &Span, told: Told) -> String {
    let written =
        |range: &Range| format!("{} to {}", rfc3339_seconds(range.from), rfc3339_seconds(range.to));
    if span.usage == span.costs {
        let requests = if told.requests { "requests, " } else { "" };
        return format!("{requests}tokens and dollars: {}", written(&span.costs));
    }
    let requests = if told.requests { "requests and " } else { "" };
    format!(
        "{requests}tokens: {}\ndollars, told by whole days: {}",
        written(&span.usage),
        written(&span.costs)
    )
}

/// `97 / 100`: the ledger's figure and the provider's, once where they are equal.
fn both(ledger: u64, provider: u64, told: bool) -> String {
    match told {
        true if ledger == provider => ledger.to_string(),
        true => format!("{ledger} / {provider}"),
        false => format!("{ledger} / -"),
    }
}

fn cells(row: &Row, day: &str, model: &str, told: Told) -> [Cell; 8] {
    let (ledger, provider) = (&row.pair.ledger, &row.pair.provider);
    let tokens_told = !row.pair.tokens_untold;
    let difference = row.dollars();
    let sign = if difference > Amount::ZERO { "+" } else { "" };
    [
        Cell::text(day),
        Cell::text(model),
        Cell::figure(both(ledger.requests, provider.requests, told.requests)),
        Cell::figure(both(ledger.tokens.total(), provider.tokens.total(), tokens_told)),
        Cell::figure(ledger.dollars.to_string()),
        Cell::figure(provider.dollars.to_string()),
        Cell::figure(format!("{sign}{difference}")),
        Cell::figure(row.percent().unwrap_or_else(|| "-".to_owned())),
    ]
}

/// Tokens by class, and what is estimated.
fn classes(total: &Row, told: Told) -> Vec<String> {
    let (ledger, provider) = (&total.pair.ledger.tokens, &total.pair.provider.tokens);
    let mut text = format!("tokens: input {}", both(ledger.input, provider.input, true));
    if told.cached {
        text.push_str(&format!(", of it cached {}", both(ledger.cached, provider.cached, true)));
    }
    if told.cache_writes {
        let written = both(ledger.cache_writes, provider.cache_writes, true);
        text.push_str(&format!(", of it written to a cache {written}"));
    }
    text.push_str(&format!(", output {}", both(ledger.output, provider.output, true)));
    let mut lines = vec![text];
    if total.pair.estimated > 0 {
        let (calls, dollars) = (total.pair.estimated, total.pair.estimated_dollars);
        lines.push(format!("estimated in the ledger: {}, {dollars}", counted(calls, "call")));
    }
    lines
}

fn verdict(source: Source, comparison: &Comparison) -> String {
    let total = &comparison.total;
    let leaning = comparison.leaning();
    let amounts = match leaning {
        0 => total.dollars().to_string(),
        _ => amounts(total, comparison.told, leaning.signum()),
    };
    // A share of nothing is none.
    let share = total
        .percent()
        .map_or_else(String::new, |percent| format!("{} % ", percent.trim_start_matches('-')));
    let figures = format!("{share}({amounts})");
    match leaning {
        0 => format!("difference: {figures}"),
        1.. => {
            let place = comparison
                .mostly()
                .map_or_else(String::new, |row| format!(", mostly {} on {}", row.model, row.day));
            format!("never passed Farebox: {figures}{place}")
        }
        _ => format!(
            "the ledger has more than {}: {figures}; reports may lag behind, and estimates may be \
             high",
            source.name()
        ),
    }
}

/// `$0.0100425, 3 requests, 6918 tokens`, turned so that what leads is positive.
fn amounts(total: &Row, told: Told, sign: i128) -> String {
    let dollars = match sign {
        1 => total.dollars(),
        _ => Amount::ZERO.minus(total.dollars()),
    };
    let turned = |count: i128| count.saturating_mul(sign);
    let tokens = counted(turned(total.tokens()), "token");
    if told.requests {
        let requests = counted(turned(total.requests()), "request");
        return format!("{dollars}, {requests}, {tokens}");
    }
    format!("{dollars}, {tokens}")
}

/// `1 call`, `2 calls`.
fn counted(count: impl Into<i128>, thing: &str) -> String {
    match count.into() {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    }
}

fn object(source: Source, span: &Span, comparison: &Comparison, tolerance: Tolerance) -> Value {
    let told = comparison.told;
    let range = |range: &Range| json!({"from": rfc3339_seconds(range.from), "to": rfc3339_seconds(range.to)});
    let row = |row: &Row| {
        let mut object = json!({"day": row.day, "model": row.model});
        merge(&mut object, figures(row, told));
        object
    };
    let missing = (comparison.leaning() > 0).then(|| {
        let mut missing = difference(&comparison.total, told);
        let mostly = comparison.mostly().map(|row| json!({"day": row.day, "model": row.model}));
        merge(&mut missing, json!({"mostly": mostly}));
        missing
    });
    json!({
        "provider": source.name(),
        "usage_span": range(&span.usage),
        "costs_span": range(&span.costs),
        "rows": comparison.rows.iter().map(row).collect::<Vec<_>>(),
        "total": figures(&comparison.total, told),
        "unmetered": missing,
        "tolerance_percent": tolerance.to_string(),
        "within_tolerance": comparison.within(tolerance),
    })
}

fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

fn figures(row: &Row, told: Told) -> Value {
    let pair = &row.pair;
    let all = Told { requests: true, cached: true, cache_writes: true };
    let mut ledger = side(&pair.ledger, all, true);
    merge(
        &mut ledger,
        json!({
            "estimated_requests": pair.estimated,
            "estimated_usd": pair.estimated_dollars.nearest().to_string(),
            "estimated_nanousd": pair.estimated_dollars.nearest(),
        }),
    );
    json!({
        "ledger": ledger,
        "provider": side(&pair.provider, told, !pair.tokens_untold),
        "difference": difference(row, told),
    })
}

fn side(used: &Used, told: Told, tokens_told: bool) -> Value {
    let tokens = &used.tokens;
    let given = |told: bool, count: u64| told.then_some(count);
    json!({
        "requests": given(told.requests, used.requests),
        "input_tokens": given(tokens_told, tokens.input),
        "cached_input_tokens": given(tokens_told && told.cached, tokens.cached),
        "cache_write_tokens": given(tokens_told && told.cache_writes, tokens.cache_writes),
        "output_tokens": given(tokens_told, tokens.output),
        "cost_usd": used.dollars.nearest().to_string(),
        "cost_nanousd": used.dollars.nearest(),
    })
}

fn difference(row: &Row, told: Told) -> Value {
    let whole = |count: i128| i64::try_from(count).unwrap_or(i64::MAX);
    let requests = told.requests.then(|| whole(row.requests()));
    let of_requests =
        told.requests.then(|| share(row.requests(), row.pair.provider.requests.into()));
    json!({
        "requests": requests,
        "requests_percent": of_requests.flatten(),
        "tokens": (!row.pair.tokens_untold).then(|| whole(row.tokens())),
        "cost_usd": row.dollars().nearest().to_string(),
        "cost_nanousd": row.dollars().nearest(),
        "percent": row.percent(),
    })
}
