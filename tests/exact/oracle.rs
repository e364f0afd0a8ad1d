//! What a usage costs, worked out a second time: from the text of a price table and the words of
//! `docs/pricing.md`, with integers of any size. Shares no code with the prices of the library.

use farebox::clock::parse_time;
use farebox::pricing::Terms;
use farebox::usage::{Figure, Usage};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use num_bigint::BigUint;
use toml::{Table, Value};

/// How a class is counted, and with it what its price is for.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Token,
    One,
    Millisecond,
}
use Unit::{Millisecond, One, Token};

/// The classes, with the next broader one.
const CLASSES: [(&str, Unit, Option<&str>); 29] = [
    ("input", Token, None),
    ("cached_input", Token, Some("input")),
    ("cache_write", Token, Some("input")),
    ("cache_write_5m", Token, Some("cache_write")),
    ("cache_write_30m", Token, Some("cache_write")),
    ("cache_write_1h", Token, Some("cache_write")),
    ("cache_write_12h", Token, Some("cache_write")),
    ("audio_input", Token, Some("input")),
    ("image_input", Token, Some("input")),
    ("video_input", Token, Some("input")),
    ("document_input", Token, Some("input")),
    ("tool_use_input", Token, Some("input")),
    ("cached_audio", Token, Some("audio_input")),
    ("cached_image", Token, Some("cached_input")),
    ("output", Token, None),
    ("reasoning", Token, Some("output")),
    ("audio_output", Token, Some("output")),
    ("image_output", Token, Some("output")),
    ("web_search", One, None),
    ("web_fetch", One, None),
    ("web_search_query", One, None),
    ("grounded_request", One, None),
    ("audio_second", Millisecond, None),
    ("character", One, None),
    ("image", One, None),
    ("image_in", One, None),
    ("page", One, None),
    ("search_unit", One, None),
    ("request", One, None),
];

fn place(class: &str) -> usize {
    CLASSES.iter().position(|(name, ..)| *name == class).unwrap()
}

/// Prices as they are written, in units of 10⁻¹⁸ dollars.
type Named = Vec<Option<BigUint>>;

fn named(block: &Table) -> Named {
    CLASSES.iter().map(|(name, ..)| Some(scaled(block.get(*name)?.as_str().unwrap(), 18))).collect()
}

/// A decimal number times a power of ten.
fn scaled(text: &str, decimals: usize) -> BigUint {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    format!("0{whole}{rest:0<decimals$}").parse().unwrap()
}

/// The prices of the upper, and of the lower where it has none.
fn over(lower: &Named, upper: &Named) -> Named {
    lower.iter().zip(upper).map(|(lower, upper)| upper.clone().or(lower.clone())).collect()
}

struct Block {
    tiers: Vec<String>,
    hours: Vec<String>,
    days: Vec<String>,
    from: i64,
    named: Named,
    long: Option<Long>,
}

#[derive(Clone)]
struct Long {
    tokens: u64,
    inclusive: bool,
    named: Named,
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.map_or(&[][..], |value| value.as_array().unwrap());
    list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

impl Block {
    fn read(block: &Table) -> Self {
        let long = block.get("long").map(|long| {
            let long = long.as_table().unwrap();
            let inclusive = long.contains_key("at_least");
            let tokens = long.get("at_least").or(long.get("above")).unwrap().as_integer().unwrap();
            Long { tokens: tokens.try_into().unwrap(), inclusive, named: named(long) }
        });
        Self {
            tiers: texts(block.get("tiers")),
            hours: texts(block.get("hours")),
            days: texts(block.get("days")),
            from: block
                .get("from")
                .map_or(i64::MIN, |from| parse_time(from.as_str().unwrap()).unwrap()),
            named: named(block),
            long,
        }
    }

    fn is_standard(&self) -> bool {
        self.tiers.is_empty() && self.hours.is_empty()
    }

    fn is_now(&self, at: i64) -> bool {
        let time = Timestamp::from_millisecond(at).unwrap().to_zoned_datetime(TimeZone::UTC);
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let day = names[usize::try_from(time.weekday().to_monday_zero_offset()).unwrap()];
        let now = format!("{:02}:{:02}", time.hour(), time.minute());
        let within = |span: &String| {
            let (from, until) = span.split_once('-').unwrap();
            from <= now.as_str() && now.as_str() < until
        };
        (self.days.is_empty() || self.days.iter().any(|name| name == day))
            && self.hours.iter().any(within)
    }
}

/// A model as the text has it.
pub struct Model {
    pub id: String,
    pub provider: String,
    blocks: Vec<Block>,
    regions: Vec<(String, BigUint)>,
}

/// All models of a text.
pub fn read(text: &str) -> Vec<Model> {
    let table: Table = text.parse().unwrap();
    let models = table["model"].as_array().unwrap().iter();
    models
        .map(|model| {
            let text = |key: &str| model[key].as_str().unwrap().to_owned();
            let blocks = model["price"].as_array().unwrap().iter();
            let regions = model.get("regions").and_then(Value::as_table).into_iter().flatten();
            Model {
                id: text("id"),
                provider: text("provider"),
                blocks: blocks.map(|block| Block::read(block.as_table().unwrap())).collect(),
                regions: regions
                    .map(|(name, factor)| (name.clone(), scaled(factor.as_str().unwrap(), 3)))
                    .collect(),
            }
        })
        .collect()
}

impl Model {
    /// The latest block of some that has begun.
    fn begun(&self, at: i64, of: impl Fn(&Block) -> bool) -> Option<&Block> {
        let blocks = self.blocks.iter().filter(|block| of(block) && block.from <= at);
        blocks.max_by_key(|block| block.from)
    }

    fn block(&self, terms: &Terms<'_>) -> Option<&Block> {
        let traffic = terms.traffic_type.and_then(|kind| match kind {
            "ON_DEMAND_PRIORITY" => Some("priority"),
            "ON_DEMAND_FLEX" => Some("flex"),
            "PROVISIONED_THROUGHPUT" => Some("provisioned"),
            _ => None,
        });
        let search = terms.search_context.map(|size| format!("search_{size}"));
        let tiers = [terms.speed, traffic, terms.service_tier, search.as_deref()];
        let mut of_tiers = tiers.into_iter().flatten().filter_map(|tier| {
            self.begun(terms.at, |block| block.tiers.iter().any(|name| name == tier))
        });
        let timed = self.blocks.iter().filter(|block| block.is_now(terms.at));
        let mut of_hours = timed.filter_map(|block| {
            let same = |other: &Block| (&other.hours, &other.days) == (&block.hours, &block.days);
            self.begun(terms.at, same)
        });
        of_tiers.next().or_else(|| of_hours.next())
    }

    /// The prices of calls under these terms.
    pub fn card(&self, terms: &Terms<'_>) -> Card {
        let oldest = || {
            let standard = self.blocks.iter().filter(|block| block.is_standard());
            standard.min_by_key(|block| block.from)
        };
        let below = self.begun(terms.at, Block::is_standard).or_else(oldest).unwrap();
        let upper = self.block(terms);
        let nothing = vec![None; CLASSES.len()];
        let own = upper.map_or(&nothing, |block| &block.named);
        let own_long = upper.and_then(|block| block.long.as_ref());
        let named = over(&below.named, own);
        let region = terms.region.unwrap_or_default();
        let factor = self.regions.iter().find(|(name, _)| name == region);
        let factor = factor.map_or(BigUint::from(1_000_u32), |(_, factor)| factor.clone());
        let long = own_long.or(below.long.as_ref()).map(|threshold| {
            let mut named = below.named.clone();
            for upper in [below.long.as_ref().map(|long| &long.named), Some(own)] {
                named = over(&named, upper.unwrap_or(&nothing));
            }
            named = over(&named, own_long.map_or(&nothing, |long| &long.named));
            (threshold.tokens, threshold.inclusive, complete(&named, &factor))
        });
        Card { usual: complete(&named, &factor), long }
    }
}

/// A price for each class, for one count, in units of 10⁻²⁷ dollars.
fn complete(named: &Named, factor: &BigUint) -> Vec<BigUint> {
    let price = |class: &'static str| {
        let mut at = class;
        loop {
            if let Some(price) = &named[place(at)] {
                return price.clone();
            }
            // Cached audio of a model that has no price for audio is cached text.
            let silent = at == "cached_audio" && named[place("audio_input")].is_none();
            match CLASSES[place(at)].2 {
                Some(_) if silent => at = "cached_input",
                Some(broader) => at = broader,
                None => return BigUint::ZERO,
            }
        }
    };
    CLASSES
        .iter()
        .map(|(class, unit, _)| match unit {
            // Of a million, times thousandths; no more decimals are kept than a price has.
            Token => (price(class) * factor + 999_u32) / 1_000_u32 * 1_000_u32,
            One => price(class) * 1_000_000_000_u64,
            Millisecond => price(class) * 1_000_000_u64,
        })
        .collect()
}

/// What calls cost under certain terms.
pub struct Card {
    usual: Vec<BigUint>,
    long: Option<(u64, bool, Vec<BigUint>)>,
}

impl Card {
    pub fn is_long(&self, usage: &Usage) -> bool {
        let input = usage.count(Figure::InputTotal);
        self.long.as_ref().is_some_and(|(tokens, inclusive, _)| {
            input > *tokens || (*inclusive && input == *tokens)
        })
    }

    fn prices(&self, usage: &Usage) -> &[BigUint] {
        match &self.long {
            Some((.., long)) if self.is_long(usage) => long,
            _ => &self.usual,
        }
    }

    /// The cost in nano-dollars, rounded up once; at most what an amount can be.
    pub fn nanos(&self, usage: &Usage) -> i64 {
        let quantities = quantities(usage);
        let used = self.prices(usage).iter().zip(quantities).filter(|(_, quantity)| *quantity > 0);
        nanos(used.map(|(price, quantity)| price * quantity).sum())
    }

    /// What a call costs whatever it used: what two calls pay twice.
    pub fn of_a_call(&self, usage: &Usage) -> i64 {
        let prices = self.prices(usage);
        nanos(&prices[place("request")] + &prices[place("grounded_request")])
    }
}

fn nanos(units: BigUint) -> i64 {
    let one = BigUint::from(10_u32).pow(18);
    let nanos = (units + &one - 1_u32) / one;
    i64::try_from(nanos).unwrap_or(i64::MAX).min((1 << 53) - 1)
}

/// The division of a usage, in the order of `CLASSES`.
fn quantities(usage: &Usage) -> [u64; CLASSES.len()] {
    let count = |figure| usage.count(figure);
    let mut quantities = [0; CLASSES.len()];
    let mut input = count(Figure::InputTotal);
    let mut cached = count(Figure::CachedRead).min(input);
    input -= cached;
    let mut set = |class: &str, wanted: u64, rest: &mut u64| {
        let taken = wanted.min(*rest);
        *rest -= taken;
        quantities[place(class)] = taken;
        taken
    };
    let audio = set("cached_audio", count(Figure::CachedAudio), &mut cached);
    let image = set("cached_image", count(Figure::CachedImage), &mut cached);
    set("cached_input", cached, &mut cached.clone());
    let lifetimes = [
        ("cache_write_12h", Figure::CacheWrite12h),
        ("cache_write_1h", Figure::CacheWrite1h),
        ("cache_write_30m", Figure::CacheWrite30m),
        ("cache_write_5m", Figure::CacheWrite5m),
    ];
    let of_lifetimes: u64 = lifetimes.iter().map(|(_, figure)| count(*figure)).sum();
    for (class, figure) in lifetimes {
        set(class, count(figure), &mut input);
    }
    set("cache_write", count(Figure::CacheWrite).saturating_sub(of_lifetimes), &mut input);
    set("audio_input", count(Figure::AudioInput).saturating_sub(audio), &mut input);
    set("image_input", count(Figure::ImageInput).saturating_sub(image), &mut input);
    set("video_input", count(Figure::VideoInput), &mut input);
    set("document_input", count(Figure::DocumentInput), &mut input);
    set("tool_use_input", count(Figure::ToolUseInput), &mut input);
    set("input", input, &mut input.clone());
    let mut output = count(Figure::OutputTotal);
    set("audio_output", count(Figure::AudioOutput), &mut output);
    set("image_output", count(Figure::ImageOutput), &mut output);
    set("reasoning", count(Figure::Reasoning), &mut output);
    set("output", output, &mut output.clone());
    let queries = count(Figure::WebSearchQueries);
    for (class, quantity) in [
        ("web_search", count(Figure::WebSearchRequests)),
        ("web_fetch", count(Figure::WebFetchRequests)),
        ("web_search_query", queries),
        ("grounded_request", u64::from(queries > 0)),
        ("audio_second", count(Figure::DurationMs)),
        ("character", count(Figure::Characters)),
        ("image", count(Figure::Images)),
        ("image_in", count(Figure::ImagesIn)),
        ("page", count(Figure::Pages)),
        ("search_unit", count(Figure::SearchUnits)),
        ("request", u64::from(!usage.is_empty())),
    ] {
        quantities[place(class)] = quantity;
    }
    quantities
}
