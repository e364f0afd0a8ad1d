//! The prices of one model of genai-prices: by date, by hour, by the conditions of a call.
//!
//! How their terms become ours is said in `docs/pricing.md`. What this table cannot express is
//! refused, never approximated.

use super::decimal;
use super::genai::unknown;
use super::node::{Field, Kind, Node, bad};
use crate::clock::{UnixMs, parse_time};
use crate::pricing::class::{Class, PerClass, Side};
use crate::pricing::document::Fault;
use crate::pricing::exact::Exact;
use crate::pricing::hours::Hours;
use crate::pricing::listed::{Condition, Dated};
use crate::pricing::rates::{Named, Threshold};
use crate::pricing::tiers::Long;
use std::num::NonZeroU64;

/// Whose prices are read: some say what others leave open.
#[derive(Debug, Clone, Copy)]
pub struct Seller<'a> {
    /// The provider, as our table calls it.
    pub provider: &'a str,
    /// The model's id.
    pub id: &'a str,
}

/// Classes by the name of their price, with how many the price is for; 0: a million tokens.
const CLASSES: &[(&str, Class, u64)] = &[
    ("input_mtok", Class::Input, 0),
    ("cache_read_mtok", Class::CachedInput, 0),
    ("cache_write_mtok", Class::CacheWrite, 0),
    ("cache_write_5m_mtok", Class::CacheWrite5m, 0),
    ("cache_write_1h_mtok", Class::CacheWrite1h, 0),
    ("input_audio_mtok", Class::AudioInput, 0),
    ("cache_audio_read_mtok", Class::CachedAudio, 0),
    ("input_image_mtok", Class::ImageInput, 0),
    ("cache_image_read_mtok", Class::CachedImage, 0),
    ("input_video_mtok", Class::VideoInput, 0),
    ("input_tool_mtok", Class::ToolUseInput, 0),
    ("output_mtok", Class::Output, 0),
    ("output_reasoning_mtok", Class::Reasoning, 0),
    ("output_audio_mtok", Class::AudioOutput, 0),
    ("output_image_mtok", Class::ImageOutput, 0),
    ("web_searches_kcount", Class::WebSearch, 1_000),
    ("audio_hours", Class::AudioSecond, 3_600),
    ("input_audio_hours", Class::AudioSecond, 3_600),
    ("input_mchars", Class::Character, 1_000_000),
    ("input_document_kpages", Class::Page, 1_000),
    ("rerank_searches_kcount", Class::SearchUnit, 1_000),
    ("requests_kcount", Class::Request, 1_000),
];

/// Prices of what no usage block has a figure for, or of what is no call: searches of files,
/// citations, annotated pages, voice by the message, videos that are made.
const UNUSED: &[&str] = &[
    "storage_searches_kcount",
    "output_citation_mtok",
    "input_annotated_document_kpages",
    "input_text_messages_kcount",
    "output_video_mtok",
];

/// Conditions that a call does not tell: a choice of OpenRouter's among vendors, a kind of search
/// of Perplexity's. Both report what the call cost.
const UNSEEN: &[&str] = &["route", "search_type"];

/// All prices of a model.
pub fn list(
    seller: Seller<'_>,
    prices: &Node,
    variants: Option<&Node>,
) -> Result<Vec<Dated>, Fault> {
    let mut list = match &prices.kind {
        Kind::List(list) => conditional(seller, list)?,
        _ => vec![standard(seller, prices, UnixMs::MIN)?],
    };
    if let Some(variants) = variants.filter(|variants| !variants.is_nothing()) {
        for variant in variants.list()? {
            add_variant(seller, variant, &mut list)?;
        }
    }
    undate(&mut list);
    Ok(list)
}

fn conditional(seller: Seller<'_>, prices: &[Node]) -> Result<Vec<Dated>, Fault> {
    let mut list: Vec<Dated> = Vec::new();
    for node in prices {
        let (mut at, mut of) = (When::From(UnixMs::MIN), None);
        for field in node.fields("ConditionalPrice")? {
            match field.name.as_str() {
                "constraint" => at = when(&field.value)?,
                "prices" => of = Some(&field.value),
                _ => return Err(unknown(field)),
            }
        }
        let of = of.ok_or_else(|| bad(node.line, "there are no `prices`"))?;
        match at {
            When::From(from) => {
                if list
                    .iter()
                    .any(|other| other.condition != Condition::Standard || other.from >= from)
                {
                    return Err(bad(node.line, "prices do not follow each other by date"));
                }
                list.push(standard(seller, of, from)?);
            }
            When::Between(span) => {
                let (prices, long) = read(seller, of)?;
                add_hours(&mut list, span, (prices, long), node.line)?;
            }
        }
    }
    match list.first() {
        Some(first) if first.condition == Condition::Standard => Ok(list),
        _ => Err(bad(prices.first().map_or(0, |node| node.line), "there is no standard price")),
    }
}

/// Hours with the same prices are one block.
fn add_hours(
    list: &mut Vec<Dated>,
    span: String,
    (prices, long): (Named, Option<Long>),
    line: usize,
) -> Result<(), Fault> {
    let same = |dated: &&mut Dated| {
        matches!(dated.condition, Condition::Hours(_))
            && dated.prices == prices
            && dated.long == long
    };
    let mut spans = vec![span];
    let hours = |spans: &[String]| Hours::parse(spans, &[]).map_err(|message| bad(line, message));
    match list.iter_mut().find(same) {
        Some(dated) => {
            if let Condition::Hours(other) = &dated.condition {
                spans = [other.written().0, spans].concat();
            }
            dated.condition = Condition::Hours(hours(&spans)?);
        }
        None => {
            let condition = Condition::Hours(hours(&spans)?);
            list.push(Dated { condition, from: UnixMs::MIN, prices, long });
        }
    }
    Ok(())
}

fn add_variant(seller: Seller<'_>, variant: &Node, list: &mut Vec<Dated>) -> Result<(), Fault> {
    let (mut from, mut of, mut tier) = (UnixMs::MIN, None, None);
    for field in variant.fields("PriceVariant")? {
        match field.name.as_str() {
            "when" => tier = Some(condition(&field.value)?),
            "prices" => of = Some(read(seller, &field.value)?),
            "constraint" => match when(&field.value)? {
                When::From(date) => from = date,
                When::Between(_) => return Err(bad(field.line, "a tier at some hours is unknown")),
            },
            _ => return Err(unknown(field)),
        }
    }
    let (Some(tier), Some((prices, long))) = (tier, of) else {
        return Err(bad(variant.line, "a variant needs `when` and `prices`"));
    };
    match tier {
        Tier::Unseen => return Ok(()),
        Tier::Standard if prices == PerClass::all(None) => return Ok(()),
        Tier::Standard => return Err(bad(variant.line, "the standard tier has prices of its own")),
        Tier::Named(_) if prices == PerClass::all(None) => return Ok(()),
        Tier::Named(tier) => {
            let condition = Condition::Tier(tier);
            // The first that is in force counts: a later date must stand before an earlier one.
            if list.iter().any(|other| other.condition == condition && other.from <= from) {
                return Err(bad(variant.line, "variants do not follow each other, latest first"));
            }
            list.push(Dated { condition, from, prices, long });
        }
    }
    Ok(())
}

enum Tier {
    Standard,
    Named(String),
    Unseen,
}

/// The tier that a context asks for.
fn condition(when: &Node) -> Result<Tier, Fault> {
    let [field] = when.fields("")? else {
        return Err(bad(when.line, "a condition of several parts is not understood"));
    };
    let value = field.value.text()?;
    match (field.name.as_str(), value) {
        ("service_tier", "default" | "standard" | "auto") => Ok(Tier::Standard),
        ("service_tier", tier @ ("flex" | "priority" | "fast" | "batch"))
        | ("processing", tier @ "batch")
        | ("speed", tier @ "fast") => Ok(Tier::Named(tier.to_owned())),
        (name, _) if UNSEEN.contains(&name) => Ok(Tier::Unseen),
        (name, _) => {
            let value: String = value.chars().take(40).collect();
            Err(bad(field.line, format!("condition `{name} = {value}` is not understood")))
        }
    }
}

enum When {
    From(UnixMs),
    Between(String),
}

fn when(constraint: &Node) -> Result<When, Fault> {
    let of = |name: &str| match &constraint.kind {
        Kind::Nothing => Some([].as_slice()),
        Kind::Call { name: called, fields, .. } if called == name => Some(fields.as_slice()),
        Kind::Fields(fields) => Some(fields.as_slice()),
        _ => None,
    };
    let fields = of("StartDateConstraint").or_else(|| of("TimeOfDateConstraint"));
    match fields.ok_or_else(|| constraint.is_not("a constraint"))? {
        [] => Ok(When::From(UnixMs::MIN)),
        [Field { name, value, .. }] if name == "start_date" => {
            let text = date(value)?;
            let at = parse_time(&text).ok_or_else(|| value.is_not("a date"))?;
            Ok(When::From(at))
        }
        [a, b] if a.name == "start_time" && b.name == "end_time" => {
            Ok(When::Between(format!("{}-{}", time(&a.value)?, time(&b.value)?)))
        }
        [first, ..] => Err(unknown(first)),
    }
}

fn date(value: &Node) -> Result<String, Fault> {
    match &value.kind {
        Kind::Text(text) => Ok(text.clone()),
        Kind::Call { name, args, fields } if name == "datetime.date" && fields.is_empty() => {
            match args.as_slice() {
                [year, month, day] => {
                    let (year, month, day) = (year.whole()?, month.whole()?, day.whole()?);
                    Ok(format!("{year:04}-{month:02}-{day:02}"))
                }
                _ => Err(value.is_not("a date")),
            }
        }
        _ => Err(value.is_not("a date")),
    }
}

/// `01:00`, in UTC.
fn time(value: &Node) -> Result<String, Fault> {
    let bad = || value.is_not("a time of the day in UTC, in whole minutes");
    match &value.kind {
        Kind::Text(text) => {
            let time = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"));
            let time = time.and_then(|time| time.strip_suffix(":00").or(Some(time)));
            time.filter(|time| time.len() == 5).map(str::to_owned).ok_or_else(bad)
        }
        Kind::Call { name, args, fields } if name == "datetime.time" => {
            let utc = |field: &Field| {
                let zone = matches!(&field.value.kind, Kind::Name(zone)
                    if zone == "datetime.UTC" || zone == "datetime.timezone.utc");
                field.name == "tzinfo" && zone
            };
            match args.as_slice() {
                [hour, minute] if fields.iter().all(utc) => {
                    Ok(format!("{:02}:{:02}", hour.whole()?, minute.whole()?))
                }
                _ => Err(bad()),
            }
        }
        _ => Err(bad()),
    }
}

/// The standard price names input and output, if only to say that they cost nothing.
fn standard(seller: Seller<'_>, prices: &Node, from: UnixMs) -> Result<Dated, Fault> {
    let (mut prices, long) = read(seller, prices)?;
    for class in [Class::Input, Class::Output] {
        if prices.get(class).is_none() {
            prices.set(class, Some(Exact::ZERO));
        }
    }
    Ok(Dated { condition: Condition::Standard, from, prices, long })
}

fn read(seller: Seller<'_>, prices: &Node) -> Result<(Named, Option<Long>), Fault> {
    let (mut usual, mut long): (Named, Option<Long>) = (PerClass::all(None), None);
    for field in prices.fields("ModelPrice")? {
        let name = field.name.as_str();
        if field.value.is_nothing() || UNUSED.contains(&name) {
            continue;
        }
        let known = CLASSES.iter().find(|(known, ..)| *known == name);
        let &(_, class, of) = known.ok_or_else(|| unknown(field))?;
        let class = seller.class(class);
        let one = |text: &str| {
            price(text, class, of).map_err(|e| bad(field.line, format!("`{name}`: {e}")))
        };
        let alone = field.value.decimal().ok().map(one).transpose()?;
        let before = usual.get(class);
        if before.is_some() && before != alone {
            let message = format!("`{name}` is another price of `{}`", class.name());
            return Err(bad(field.line, message));
        }
        if let Some(price) = alone {
            usual.set(class, Some(price));
            continue;
        }
        let (base, start, above) = tiers(&field.value)?;
        let threshold = threshold(start);
        let long = long.get_or_insert_with(|| Long { threshold, prices: PerClass::all(None) });
        if long.threshold != threshold {
            return Err(bad(field.line, format!("`{name}` has a threshold of its own")));
        }
        usual.set(class, Some(one(base)?));
        long.prices.set(class, Some(one(above)?));
    }
    Ok((usual, long))
}

fn price(text: &str, class: Class, of: u64) -> Result<Exact, String> {
    match NonZeroU64::new(of) {
        None => decimal::per_million(text, false),
        Some(of) => Ok(in_counts(class, decimal::of_one(text, of)?)),
    }
}

/// The price of one count of a class, of the price of one.
pub fn in_counts(class: Class, one: Exact) -> Exact {
    match class.side() {
        Side::Apart => one.shared_by(class.counts_in_one()),
        Side::Input | Side::Output => one,
    }
}

/// A price, the figure above which it differs, and what it is there.
fn tiers(value: &Node) -> Result<(&str, u64, &str), Fault> {
    let (mut base, mut above) = (None, None);
    for field in value.fields("TieredPrices")? {
        match field.name.as_str() {
            "base" => base = Some(field.value.decimal()?),
            "tiers" => match field.value.list()? {
                [tier] => above = Some(tier),
                _ => {
                    let message = "a price with more than one threshold cannot be expressed";
                    return Err(bad(field.line, message));
                }
            },
            _ => return Err(unknown(field)),
        }
    }
    let (Some(base), Some(above)) = (base, above) else { return Err(value.is_not("a price")) };
    let (mut start, mut price) = (None, None);
    for field in above.fields("Tier")? {
        match field.name.as_str() {
            "start" => start = Some(field.value.whole()?),
            "price" => price = Some(field.value.decimal()?),
            _ => return Err(unknown(field)),
        }
    }
    match (start, price) {
        (Some(start), Some(price)) => Ok((base, start, price)),
        _ => Err(above.is_not("a tier of prices")),
    }
}

/// They say `above 199999` for what the vendor says as `from 200000`.
fn threshold(above: u64) -> Threshold {
    let next = above.saturating_add(1);
    match next.checked_rem(1000) {
        Some(0) => Threshold { tokens: next, inclusive: true },
        _ => Threshold { tokens: above, inclusive: false },
    }
}

/// A tier's price is dated by the day on which somebody looked it up. Where the model never had
/// another standard price, and the tier has no other date, it is that of all times.
fn undate(list: &mut [Dated]) {
    let count = |of: &Condition| list.iter().filter(|dated| dated.condition == *of).count();
    let constant = count(&Condition::Standard) == 1
        && list.iter().all(|d| d.condition != Condition::Standard || d.from == UnixMs::MIN);
    let single: Vec<bool> =
        list.iter().map(|dated| constant && count(&dated.condition) == 1).collect();
    for (dated, single) in list.iter_mut().zip(single) {
        if single {
            dated.from = UnixMs::MIN;
        }
    }
}

impl Seller<'_> {
    /// Google bills searches by the call up to Gemini 2.5, and by the query from 3 on.
    fn class(self, class: Class) -> Class {
        let old = ["gemini-1", "gemini-2"].iter().any(|old| self.id.starts_with(old));
        match (self.provider, class) {
            ("gemini", Class::WebSearch) if old => Class::GroundedRequest,
            ("gemini", Class::WebSearch) => Class::WebSearchQuery,
            (_, class) => class,
        }
    }
}
