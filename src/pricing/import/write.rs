//! A plan carried out on a table's text. What does not change keeps its bytes: order, comments,
//! spelling.

use super::merge::blocks;
use super::{Offer, Plan, Scope};
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::pricing::changes::written;
use crate::pricing::class::Class;
use crate::pricing::rates::Named;
use crate::pricing::tiers::Block;
use std::collections::BTreeSet;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Key, Table, Value};

/// What a source is called, to be written into the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Its name.
    pub name: String,
    /// Its version, where it is known.
    pub version: Option<String>,
    /// The file that was read, without its folder.
    pub file: String,
    /// The SHA-256 of that file.
    pub sha256: String,
    /// The day, in UTC.
    pub read: String,
}

/// Carries out a plan. `None` where nothing changes.
pub fn write(
    text: &str,
    plan: &Plan,
    scope: &Scope<'_>,
    stamps: &[Stamp],
) -> Result<Option<String>, String> {
    let mut document: DocumentMut = text.parse().map_err(|e| format!("{e}"))?;
    let stamped = stamp(&mut document, stamps);
    if plan.is_empty() && !stamped {
        return Ok(None);
    }
    let models = document.remove("model").unwrap_or_default();
    let mut models: Vec<Table> = match models.into_array_of_tables() {
        Ok(models) => models.into_iter().collect(),
        Err(_) => Vec::new(),
    };
    for change in &plan.changed {
        let own = |table: &&mut Table| is(table, &change.provider, &change.id);
        let Some(model) = models.iter_mut().find(own) else { continue };
        set_figure(model, "context", change.context);
        set_figure(model, "max_output", change.max_output);
        if let Some(list) = &change.list {
            set_prices(model, &blocks(list));
        }
    }
    for offer in &plan.added {
        add(&mut models, offer, scope, &plan.added);
    }
    // A table without a position stands behind its predecessor.
    let models: ArrayOfTables = models.into_iter().collect();
    document.insert("model", Item::ArrayOfTables(models));
    Ok(Some(document.to_string()))
}

fn is(table: &Table, provider: &str, id: &str) -> bool {
    word(table, "provider") == Some(provider) && word(table, "id") == Some(id)
}

fn word<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key)?.as_str()
}

/// Says which files the table was made from; whether that is news.
fn stamp(document: &mut DocumentMut, stamps: &[Stamp]) -> bool {
    let mut news = false;
    for stamp in stamps {
        let sources = document.entry("source").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        let Some(sources) = sources.as_array_of_tables_mut() else { continue };
        let own = |table: &&mut Table| word(table, "name") == Some(&stamp.name);
        if !sources.iter().any(|table| word(table, "name") == Some(&stamp.name)) {
            sources.push(Table::new());
            if let Some(table) = sources.iter_mut().last() {
                table.insert("name", toml_edit::value(&stamp.name));
            }
        }
        let Some(table) = sources.iter_mut().find(own) else { continue };
        if word(table, "sha256") == Some(&stamp.sha256) {
            continue;
        }
        news = true;
        table.remove("version");
        if let Some(version) = &stamp.version {
            table.insert("version", toml_edit::value(version));
        }
        for (key, text) in [("file", &stamp.file), ("sha256", &stamp.sha256), ("read", &stamp.read)]
        {
            table.remove(key);
            table.insert(key, toml_edit::value(text));
        }
    }
    news
}

fn set_figure(model: &mut Table, key: &str, figure: Option<u64>) {
    let Some(figure) = figure.and_then(|figure| i64::try_from(figure).ok()) else { return };
    let prices = model.remove("price");
    let output = model.remove("max_output").filter(|_| key == "context");
    model.insert(key, toml_edit::value(figure));
    if let Some(output) = output {
        model.insert("max_output", output);
    }
    if let Some(prices) = prices {
        model.insert("price", prices);
    }
}

/// Blocks that stay as they are keep their text; keys that stay keep theirs.
fn set_prices(model: &mut Table, blocks: &[Block]) {
    let old = model.remove("price").unwrap_or_default();
    let mut old: Vec<Table> = match old.into_array_of_tables() {
        Ok(tables) => tables.into_iter().collect(),
        Err(_) => Vec::new(),
    };
    let mut tables = ArrayOfTables::new();
    for block in blocks {
        let mut table = block_table(block);
        let same = |other: &Table| {
            ["tiers", "hours", "from"].iter().all(|key| {
                let text =
                    |table: &Table| table.get(key).map(|item| item.to_string().trim().to_owned());
                text(other) == text(&table)
            })
        };
        if let Some(place) = old.iter().position(same) {
            let mut before = old.remove(place);
            *table.decor_mut() = before.decor().clone();
            table.set_position(before.position());
            let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
            for key in keys {
                let plain = |item: Option<&Item>| item.map(|item| normal(&item.to_string()));
                if plain(before.get(&key)) == plain(table.get(&key)) {
                    if let Some((key, item)) = before.remove_entry(&key) {
                        table.remove(key.get());
                        table.insert_formatted(&key, item);
                    }
                } else if let Some(item) = table.remove(&key) {
                    table.insert_formatted(&Key::new(&key), item);
                }
            }
        }
        tables.push(table);
    }
    model.insert("price", Item::ArrayOfTables(tables));
}

/// Without what is only spelling: quotes and space.
fn normal(text: &str) -> String {
    let text = text.trim().replace('\'', "\"");
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn block_table(block: &Block) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    if !block.tiers.is_empty() {
        table.insert("tiers", texts(block.tiers.iter().map(String::as_str)));
    }
    if let Some(hours) = &block.hours {
        let (spans, days) = hours.written();
        table.insert("hours", texts(spans.iter().map(String::as_str)));
        if !days.is_empty() {
            table.insert("days", texts(days.into_iter()));
        }
    }
    if block.from != UnixMs::MIN {
        table.insert("from", toml_edit::value(moment(block.from)));
    }
    for (class, price) in named(&block.prices) {
        table.insert(class, toml_edit::value(price));
    }
    if let Some(long) = &block.long {
        let mut inline = InlineTable::new();
        let key = if long.threshold.inclusive { "at_least" } else { "above" };
        inline.insert(key, Value::from(i64::try_from(long.threshold.tokens).unwrap_or(i64::MAX)));
        for (class, price) in named(&long.prices) {
            inline.insert(class, Value::from(price));
        }
        table.insert("long", Item::Value(Value::InlineTable(inline)));
    }
    table
}

fn named(prices: &Named) -> impl Iterator<Item = (&'static str, String)> + '_ {
    let named = |class: &Class| Some((class.name(), written(*class, prices.get(*class)?)));
    Class::ALL.iter().filter_map(named)
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Item {
    Item::Value(Value::Array(texts.collect::<Array>()))
}

/// A date, where a moment is the beginning of one.
fn moment(at: UnixMs) -> String {
    let text = rfc3339_seconds(at);
    match text.strip_suffix("T00:00:00Z") {
        Some(date) => date.to_owned(),
        None => text,
    }
}

/// A new model stands among those of its provider, by its id.
fn add(models: &mut Vec<Table>, offer: &Offer, scope: &Scope<'_>, added: &[Offer]) {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    table.insert("id", toml_edit::value(&offer.id));
    table.insert("provider", toml_edit::value(&offer.provider));
    let names = free_names(offer, scope, added);
    if !names.is_empty() {
        table.insert("aliases", texts(names.into_iter()));
    }
    set_figure(&mut table, "context", offer.context);
    set_figure(&mut table, "max_output", offer.max_output);
    set_prices(&mut table, &blocks(&offer.list));
    let own = |table: &Table| word(table, "provider") == Some(&offer.provider);
    let before = |table: &Table| own(table) && word(table, "id") < Some(&offer.id);
    let place = models.iter().rposition(before).or_else(|| models.iter().position(own));
    if place.is_none() {
        table.decor_mut().set_prefix(format!("\n# ---- {} ----\n\n", offer.provider));
    }
    let place = place.map_or(models.len(), |place| place.saturating_add(1));
    models.insert(place, table);
}

/// The other names of a new model that nobody else has and that would not be found anyway.
fn free_names<'a>(offer: &'a Offer, scope: &Scope<'_>, added: &'a [Offer]) -> Vec<&'a str> {
    let ids: BTreeSet<&str> = added.iter().map(|offer| offer.id.as_str()).collect();
    let others =
        added.iter().filter(|other| other.id != offer.id || other.provider != offer.provider);
    let others: BTreeSet<&str> = others
        .filter(|other| other.provider == offer.provider)
        .flat_map(|other| other.names.iter().map(String::as_str))
        .collect();
    let snapshot = |name: &str| {
        name.strip_prefix(&*offer.id)
            .is_some_and(|rest| rest.starts_with(['-', '@']) && rest.len() >= 9)
    };
    let free = |name: &&str| {
        !ids.contains(name)
            && !others.contains(name)
            && !snapshot(name)
            && !scope.has_name(&offer.provider, name)
    };
    let mut names: Vec<&str> = offer.names.iter().map(String::as_str).filter(free).collect();
    names.sort_unstable();
    names.dedup();
    names
}
