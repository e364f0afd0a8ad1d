//! The screen of `top`: figures as lines of a given size. Pure.

use super::figures::{Figures, Notice, Pool, Spender, per_second};
use super::state::State;
use crate::cli::table::{Cell, Table, field, printable};
use crate::clock::rfc3339_seconds;
use crate::money::NanoUsd;

/// What stands above the spenders, and below them.
const AROUND: usize = 8;
/// Alerts that are named.
const NAMED: usize = 3;
const MINUTES: i64 = 60;

/// What is drawn.
pub(super) struct Screen<'f> {
    /// The server.
    pub(super) base: &'f str,
    /// The last look that worked.
    pub(super) figures: &'f Figures,
    /// Why the last look failed.
    pub(super) fault: Option<&'f str>,
    pub(super) colour: bool,
}

impl Screen<'_> {
    /// At most `height` lines of at most `width` characters.
    pub(super) fn lines(&self, state: &mut State, width: usize, height: usize) -> Vec<String> {
        let figures = self.figures;
        let at = rfc3339_seconds(figures.at);
        let mut lines = vec![
            format!("farebox top  {}  {at}", self.base),
            rates(figures),
            pools(&figures.pools),
        ];
        lines.extend(alerts(&figures.notices));
        lines.push(String::new());
        lines.extend(self.spenders(state, height.saturating_sub(AROUND).max(1)));
        lines.push(String::new());
        lines.push(self.foot(state));
        let last = lines.pop().unwrap_or_default();
        lines.truncate(height.saturating_sub(1));
        lines.push(last);
        lines.iter().map(|line| cut(line, width)).collect()
    }

    fn spenders(&self, state: &mut State, room: usize) -> Vec<String> {
        let all = &self.figures.spenders;
        let chosen = state.chosen(all, room);
        if chosen.is_empty() {
            let why = if all.is_empty() { "in the last minute" } else { "of that name" };
            return vec![format!("nobody spent anything {why}")];
        }
        let heads = ["USER", "COST/MIN", "REQUESTS", "TOKENS", "BUDGET", "UTILISATION", "STATUS"];
        let mut table = Table::new(&heads);
        for spender in chosen {
            table.row(row(spender));
        }
        table.written(self.colour).lines().map(str::to_owned).collect()
    }

    fn foot(&self, state: &State) -> String {
        if let Some(fault) = self.fault {
            return format!("! {fault}; trying again   q quit");
        }
        let filter = match (state.typing, state.filter.as_str()) {
            (true, text) => format!("/{text}_"),
            (false, "") => "/ filter".to_owned(),
            (false, text) => format!("/{text} (Esc: all)"),
        };
        format!("q quit   {filter}   ↑↓ scroll   s order: {}", state.order.word())
    }
}

fn row(spender: &Spender) -> [Cell; 7] {
    let quota = &spender.quota;
    let budget = match quota["dollars_per_period"].as_str() {
        Some(amount) => format!("${amount}/{}", field(quota, "period")),
        None => "-".to_owned(),
    };
    [
        Cell::text(&spender.user),
        Cell::figure(format!("${}", spender.cost)),
        Cell::figure(spender.requests.to_string()),
        Cell::figure(spender.tokens.to_string()),
        Cell::figure(budget),
        Cell::bar(&quota["utilization_percent"]),
        Cell::text(spender.status.as_str().unwrap_or("-")),
    ]
}

/// `0.1 requests/s   60 tokens/min   $0.42/min ($25.2/h)   3 streams   5 holds   0 refused/s`
fn rates(figures: &Figures) -> String {
    let hour = NanoUsd::new(figures.cost().get().saturating_mul(MINUTES));
    let mut parts = vec![
        format!("{:.1} requests/s", per_second(figures.requests())),
        format!("{} tokens/min", figures.tokens()),
        format!("${}/min (${hour}/h)", figures.cost()),
    ];
    let gauges = &figures.gauges;
    let counts = [(gauges.streams, "streams"), (gauges.holds, "holds")];
    parts.extend(counts.iter().filter_map(|(n, noun)| n.map(|n| format!("{n:.0} {noun}"))));
    parts.extend(gauges.refusals_per_second.map(|rate| format!("{rate:.1} refused/s")));
    parts.join("   ")
}

/// `groq 2/3 (groq_3 cooling_down)   openai 1/1`
fn pools(pools: &[Pool]) -> String {
    let one = |pool: &Pool| {
        let out: Vec<String> =
            pool.out.iter().map(|(name, state)| printable(&format!("{name} {state}"))).collect();
        let out = if out.is_empty() { String::new() } else { format!(" ({})", out.join(", ")) };
        format!("{} {}/{}{out}", pool.provider, pool.usable, pool.credentials)
    };
    match pools {
        [] => "no credentials".to_owned(),
        some => some.iter().map(one).collect::<Vec<_>>().join("   "),
    }
}

/// `2 alerts: user:alice quota_exceeded, key:ci warning`
fn alerts(notices: &[Notice]) -> Option<String> {
    // One about a provider has no account.
    let word = |notice: &Notice| match notice.account.as_str() {
        "" => printable(&notice.title),
        account => printable(&format!("{account} {}", notice.level)),
    };
    let mut words: Vec<String> = notices.iter().take(NAMED).map(word).collect();
    if notices.len() > NAMED {
        words.push("…".to_owned());
    }
    let noun = if notices.len() == 1 { "alert" } else { "alerts" };
    (!notices.is_empty()).then(|| format!("{} {noun}: {}", notices.len(), words.join(", ")))
}

/// The first `width` characters; colours take no room and are always ended.
fn cut(line: &str, width: usize) -> String {
    let (mut text, mut room, mut escape, mut coloured) = (String::new(), width, false, false);
    for letter in line.chars() {
        match letter {
            '\u{1b}' => (escape, coloured) = (true, true),
            _ if escape => escape = letter != 'm',
            _ if room == 0 => break,
            _ => room = room.saturating_sub(1),
        }
        text.push(letter);
    }
    if coloured {
        text.push_str("\u{1b}[0m");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::figures::Gauges;
    use super::*;
    use serde_json::json;

    fn figures(count: u32) -> Figures {
        let of = |i: u32| Spender {
            user: format!("user{i}"),
            requests: 60,
            tokens: 100,
            cost: NanoUsd::new(7_000_000),
            quota: json!({"dollars_per_period": "25", "period": "month", "utilization_percent": 45}),
            status: json!("normal"),
        };
        let pool =
            Pool { provider: "groq".to_owned(), credentials: 3, usable: 2, ..Pool::default() };
        let out = [("c".to_owned(), "disabled".to_owned())].into();
        Figures {
            at: 1_794_000_000_000,
            spenders: (0..count).map(of).collect(),
            pools: vec![Pool { out, ..pool }],
            notices: vec![Notice {
                level: "warning".to_owned(),
                account: "user:a\u{1b}".to_owned(),
                ..Notice::default()
            }],
            gauges: Gauges { streams: Some(3.0), holds: None, refusals_per_second: Some(0.25) },
        }
    }

    fn drawn(figures: &Figures, state: &mut State, width: usize, height: usize) -> String {
        let screen = Screen { base: "http://x", figures, fault: None, colour: false };
        screen.lines(state, width, height).join("\n")
    }

    #[test]
    fn a_look_is_drawn_as_lines() {
        let text = drawn(&figures(2), &mut State::default(), 120, 40);
        let expected = "farebox top  http://x  2026-11-06T21:20:00Z\n\
            2.0 requests/s   200 tokens/min   $0.014/min ($0.84/h)   3 streams   0.2 refused/s\n\
            groq 2/3 (c disabled)\n\
            1 alert: user:a? warning\n\
            \n\
            USER   COST/MIN  REQUESTS  TOKENS     BUDGET  UTILISATION      STATUS\n\
            user0    $0.007        60     100  $25/month  █████░░░░░  45%  normal\n\
            user1    $0.007        60     100  $25/month  █████░░░░░  45%  normal\n\
            \n\
            q quit   / filter   ↑↓ scroll   s order: cost";
        assert_eq!(text, expected);
        let empty = drawn(&Figures::default(), &mut State::default(), 80, 24);
        assert!(empty.contains("nobody spent anything in the last minute"), "{empty}");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_and_the_foot_is_always_seen() {
        for (width, height) in [(20, 10), (1, 2), (200, 8), (80, 1)] {
            let text = drawn(&figures(50), &mut State::default(), width, height);
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines.len() <= height, "{lines:?}");
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
            assert!(lines.last().unwrap().starts_with('q'));
        }
        assert_eq!(cut("\u{1b}[31mabc\u{1b}[0m", 2), "\u{1b}[31mab\u{1b}[0m");
    }
}
