//! CSV, whatever stands in it (RFC 4180).
//!
//! Invariant: no spreadsheet takes a text for a formula. Numbers stay numbers.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// What a cell may not begin with; a quotation mark before it makes it a text.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Whether a request asks for CSV.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|kind| {
        let name = kind.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("text/csv")
    })
}

/// A sheet with a head: the columns, and a line for each row.
pub(super) fn sheet(columns: &[&str], rows: &[Map<String, Value>]) -> Response {
    let cells = |row: &Map<String, Value>| {
        line(columns.iter().map(|name| row.get(*name).unwrap_or(&Value::Null)))
    };
    lines(&columns.join(","), &rows.iter().map(cells).collect::<Vec<_>>())
}

/// A sheet of lines that are written already.
pub(super) fn lines(head: &str, lines: &[String]) -> Response {
    let all = std::iter::once(head).chain(lines.iter().map(String::as_str));
    let text: String = all.flat_map(|line| [line, "\r\n"]).collect();
    ([(CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response()
}

/// One line: a cell for each value; null is empty.
pub fn line<'v>(values: impl Iterator<Item = &'v Value>) -> String {
    let cells: Vec<String> = values.map(cell).collect();
    cells.join(",")
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::String(text) if text.starts_with(FORMULA) => format!("'{text}"),
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
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
        for (text, written) in [
            ("a,b", "\"a,b\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("-2,=3", "\"'-2,=3\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a", "a"),
        ] {
            assert_eq!(cell(&text.into()), written);
        }
        let row = [Value::from(5), Value::Null, "x".into(), Value::from(-5)];
        assert_eq!(line(row.iter()), "5,,x,-5");
    }

    #[test]
    fn csv_is_given_to_who_accepts_it() {
        let wanted = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            is_wanted(&headers)
        };
        assert!(wanted("text/csv") && wanted("application/json;q=0.5, Text/CSV; header=present"));
        assert!(!wanted("*/*") && !wanted("application/json") && !wanted("text/csv2"));
        assert!(!is_wanted(&HeaderMap::new()));
    }
}
