//! A report as a page that stands for itself: readable in a mail, without scripts, pictures or links.
//!
//! Invariant: no name becomes markup.

use super::Report;
use super::text::{expected, facts, lists, moved, rows};
use std::fmt::Write;

const TABLE: &str = "border-collapse:collapse;margin:0 0 16px";
const CELL: &str = "padding:2px 12px 2px 0;text-align:left";
const FIGURE: &str = "padding:2px 0 2px 12px;text-align:right";

/// The report as HTML.
pub fn html(report: &Report) -> String {
    let title = escaped(&report.title());
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body style=\"font-family:sans-serif;font-size:14px\">\n<h1 style=\"font-size:20px\">{title}</h1>\n\
         <table style=\"{TABLE}\">\n"
    );
    for (name, figure) in facts(report) {
        let figure = escaped(&figure);
        let _ = writeln!(
            page,
            "<tr><th style=\"{CELL}\" scope=\"row\">{name}</th><td>{figure}</td></tr>"
        );
    }
    page.push_str("</table>\n");
    for (head, parts) in lists(report) {
        let _ =
            writeln!(page, "<h2 style=\"font-size:16px\">{head}</h2>\n<table style=\"{TABLE}\">");
        let heads = [("Name", CELL), ("Cost", FIGURE), ("Share", FIGURE), ("Requests", FIGURE)];
        let cells = heads.map(|(head, style)| format!("<th style=\"{style}\">{head}</th>"));
        let _ = writeln!(page, "<tr>{}</tr>", cells.concat());
        for row in rows(parts, report.total.sum.cost.get()) {
            let cells = row
                .iter()
                .zip(heads)
                .map(|(text, (_, style))| format!("<td style=\"{style}\">{}</td>", escaped(text)));
            let _ = writeln!(page, "<tr>{}</tr>", cells.collect::<String>());
        }
        page.push_str("</table>\n");
    }
    let near = |told: &crate::history::Forecast| format!("{}: {}", told.account, expected(told));
    list(&mut page, "Changed most", report.movers.iter().map(moved));
    list(&mut page, "Near their limit", report.near.iter().map(near));
    let _ = write!(page, "<p>Days are those of {}.</p>\n</body></html>\n", escaped(&report.zone));
    page
}

fn list(page: &mut String, head: &str, items: impl Iterator<Item = String>) {
    let items: String = items.map(|item| format!("<li>{}</li>\n", escaped(&item))).collect();
    if !items.is_empty() {
        let _ = write!(page, "<h2 style=\"font-size:16px\">{head}</h2>\n<ul>\n{items}</ul>\n");
    }
}

fn escaped(text: &str) -> String {
    let of = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(of).collect()
}
