//! The live figures in the terminal: a table that is redrawn in place, or one line a second where
//! there is no terminal. Draws; reads nothing.

use crate::demo::traffic::Counts;
use crate::money::NanoUsd;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

const BAR: usize = 20;

/// One user's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The user.
    pub user: String,
    /// Spent in the period of its budget.
    pub spent: NanoUsd,
    /// Its budget, where it has one.
    pub limit: Option<NanoUsd>,
    /// Its calls.
    pub counts: Counts,
}

impl Row {
    fn percent(&self) -> Option<i64> {
        let limit = self.limit?.get().max(1);
        let percent = i128::from(self.spent.get()) * 100 / i128::from(limit);
        Some(i64::try_from(percent).unwrap_or(i64::MAX))
    }

    fn used(&self) -> String {
        self.percent().map_or_else(|| "-".to_owned(), |percent| format!("{percent}%"))
    }
}

/// Where and how to draw.
#[derive(Debug)]
pub struct Screen {
    in_place: bool,
    colour: bool,
    drawn: usize,
}

impl Screen {
    /// A screen on stderr. `no_colour`: `NO_COLOR` is set.
    pub fn new(no_colour: bool) -> Self {
        let in_place = io::stderr().is_terminal();
        Self { in_place, colour: in_place && !no_colour, drawn: 0 }
    }

    /// Draws the rows.
    pub fn draw(&mut self, seconds: u64, rows: &[Row]) {
        let text = match self.in_place {
            true => self.table(rows),
            false => line(seconds, rows),
        };
        // A terminal that went away is no reason to end.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn table(&mut self, rows: &[Row]) -> String {
        let mut text = String::new();
        if self.drawn > 0 {
            let _ = write!(text, "\x1b[{}A", self.drawn);
        }
        self.drawn = rows.len() + 1;
        let _ = writeln!(
            text,
            "\x1b[2K{:<8} {:<BAR$} {:>5}  {:>12} / {:<8} {:>7} {:>8} {:>8}",
            "USER", "BUDGET", "", "SPENT", "LIMIT", "CALLS", "ADMITTED", "REFUSED"
        );
        for row in rows {
            let counts = row.counts;
            let _ = writeln!(
                text,
                "\x1b[2K{:<8} {} {:>5}  {:>12} / {:<8} {:>7} {:>8} {:>8}",
                row.user,
                self.bar(row.percent().unwrap_or(0)),
                row.used(),
                row.spent.to_string(),
                row.limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string()),
                counts.calls,
                counts.admitted,
                counts.refused
            );
        }
        text
    }

    fn bar(&self, percent: i64) -> String {
        let full = usize::try_from(percent.clamp(0, 100)).unwrap_or(0) * BAR / 100;
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR - full));
        let colour = match percent {
            _ if !self.colour => return bar,
            100.. => 31,
            80.. => 33,
            _ => 32,
        };
        format!("\x1b[{colour}m{bar}\x1b[0m")
    }
}

fn line(seconds: u64, rows: &[Row]) -> String {
    let sum = |figure: fn(&Counts) -> u64| rows.iter().map(|r| figure(&r.counts)).sum::<u64>();
    let spent = rows.iter().fold(NanoUsd::ZERO, |sum, row| sum.saturating_add(row.spent));
    let users: Vec<_> = rows.iter().map(|r| format!("{} {}", r.user, r.used())).collect();
    format!(
        "{seconds}s  calls {}  refused {}  spent ${spent}  {}\n",
        sum(|counts| counts.calls),
        sum(|counts| counts.refused),
        users.join("  ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(user: &str, spent: i64, limit: i64) -> Row {
        let counts = Counts { calls: 7, admitted: 5, refused: 2, ..Counts::default() };
        let (spent, limit) = (NanoUsd::new(spent), Some(NanoUsd::new(limit)));
        Row { user: user.to_owned(), spent, limit, counts }
    }

    #[test]
    fn a_line_sums_up() {
        let rows = [row("ada", 1_500_000_000, 3_000_000_000), row("ben", 20, 10)];
        assert_eq!(
            line(3, &rows),
            "3s  calls 14  refused 4  spent $1.50000002  ada 50%  ben 200%\n"
        );
    }

    #[test]
    fn a_table_is_redrawn_over_itself() {
        let mut screen = Screen { in_place: true, colour: false, drawn: 0 };
        let rows = [row("ada", 5, 10)];
        let first = screen.table(&rows);
        assert!(first.contains("ada      ██████████░░░░░░░░░░   50%"), "{first}");
        assert!(!first.contains("\x1b[2A") && screen.table(&rows).starts_with("\x1b[2A"));
        let coloured = Screen { in_place: true, colour: true, drawn: 0 };
        assert!(coloured.bar(100).starts_with("\x1b[31m"));
    }

    #[test]
    fn a_budget_of_nothing_is_not_divided_by() {
        assert_eq!(row("x", 0, 0).percent(), Some(0));
        assert_eq!(row("x", 5, 0).percent(), Some(500));
        let free = Row { limit: None, ..row("x", 5, 1) };
        assert_eq!((free.percent(), free.used().as_str()), (None, "-"));
    }
}
