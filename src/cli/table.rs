//! Aligned tables with bars, for people.

use serde_json::Value;

const BAR: usize = 10;

/// A cell of a table.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    right: bool,
    colour: Option<&'static str>,
}

impl Cell {
    /// Text at the left edge.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: printable(&text.into()), ..Self::default() }
    }

    /// A figure, at the right edge.
    pub fn figure(text: impl Into<String>) -> Self {
        Self { right: true, ..Self::text(text) }
    }

    /// A bar with the per cent beside it; `no limit` for null.
    pub fn bar(percent: &Value) -> Self {
        let Some(exact) = percent.as_f64() else { return Self::text("no limit") };
        let steps = (exact / 10.0).clamp(0.0, 10.0);
        let full =
            (0..BAR).filter(|i| f64::from(u8::try_from(*i).unwrap_or(0)) + 0.5 <= steps).count();
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR - full));
        let colour = match exact {
            at if at >= 100.0 => "\u{1b}[31m",
            at if at >= 80.0 => "\u{1b}[33m",
            _ => "\u{1b}[32m",
        };
        let text = format!("{bar} {:>4}", format!("{:.0}%", exact.floor()));
        Self { text, right: false, colour: Some(colour) }
    }
}

/// What a field of an object says: `-` for null.
pub fn field(object: &Value, name: &str) -> String {
    match &object[name] {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), printable)
}

/// Text that does nothing to a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A table under construction.
#[derive(Debug, Clone)]
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    pub fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, one line each, with heads; nothing at all if there are no rows.
    pub fn written(&self, colour: bool) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let right = self.rows.first().map(|row| row.iter().map(|cell| cell.right).collect());
        let right: Vec<bool> = right.unwrap_or_default();
        let heads = self.heads.iter().zip(&right).map(|(head, &right)| Cell {
            text: (*head).to_owned(),
            right,
            colour: None,
        });
        let lines: Vec<Vec<Cell>> =
            std::iter::once(heads.collect()).chain(self.rows.clone()).collect();
        let width = |i: usize| {
            let cells = lines.iter().filter_map(|line| line.get(i));
            cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        lines.iter().map(|line| written(line, &widths, colour)).collect()
    }
}

fn written(line: &[Cell], widths: &[usize], colour: bool) -> String {
    let cells = line.iter().zip(widths).map(|(cell, &width)| {
        let pad = " ".repeat(width.saturating_sub(cell.text.chars().count()));
        let text = match cell.colour.filter(|_| colour) {
            Some(code) => format!("{code}{}\u{1b}[0m", cell.text),
            None => cell.text.clone(),
        };
        if cell.right { format!("{pad}{text}") } else { format!("{text}{pad}") }
    });
    let line = cells.collect::<Vec<_>>().join("  ");
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_aligned_and_bars_are_drawn() {
        let mut table = Table::new(&["USER", "USED", "SPENT"]);
        table.row([Cell::text("alice"), Cell::bar(&json!(45)), Cell::figure("$11.25")]);
        table.row([Cell::text("b\u{1b}"), Cell::bar(&json!(99.9999)), Cell::figure("$5")]);
        table.row([Cell::text("c"), Cell::bar(&Value::Null), Cell::figure("$0")]);
        assert_eq!(
            table.written(false),
            "USER   USED              SPENT\n\
             alice  █████░░░░░  45%  $11.25\n\
             b?     ██████████  99%      $5\n\
             c      no limit             $0\n"
        );
        assert!(table.written(true).contains("\u{1b}[33m"));
        assert_eq!(Table::new(&["A"]).written(true), "");
    }
}
