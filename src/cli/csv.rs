//! Lines of CSV, whatever stands in them. Pure.
//!
//! Invariant: no spreadsheet takes a cell for a formula.

use serde_json::Value;

/// One line: a cell for each value; null is empty.
pub(super) fn line<'v>(values: impl Iterator<Item = &'v Value>) -> String {
    let cells: Vec<String> = values.map(cell).collect();
    cells.join(",")
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        for (text, written) in
            [("a,b", "\"a,b\""), ("=1+1", "'=1+1"), ("say \"x\"", "\"say \"\"x\"\"\""), ("a", "a")]
        {
            assert_eq!(cell(&text.into()), written);
        }
        let row = [Value::from(5), Value::Null, "x".into()];
        assert_eq!(line(row.iter()), "5,,x");
    }
}
