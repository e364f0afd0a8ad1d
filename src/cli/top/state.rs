//! What a person at the terminal has chosen: the order, a filter, how far it is scrolled. Pure.

use super::figures::Spender;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

const FILTER_LENGTH: usize = 64;
const PAGE: usize = 10;

/// What spenders are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    #[default]
    Cost,
    Requests,
    Tokens,
    Utilisation,
}

impl Order {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Utilisation => "utilisation",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Cost => Self::Requests,
            Self::Requests => Self::Tokens,
            Self::Tokens => Self::Utilisation,
            Self::Utilisation => Self::Cost,
        }
    }
}

/// What follows from a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Draw again.
    Draw,
    /// The person has seen enough.
    Quit,
    /// As SIGINT.
    Interrupt,
}

/// What was chosen up to now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct State {
    pub(super) order: Order,
    pub(super) filter: String,
    /// The filter is being typed.
    pub(super) typing: bool,
    /// So many spenders are above the first line.
    pub(super) scrolled: usize,
}

impl State {
    /// Takes a key.
    pub(super) fn press(&mut self, key: KeyEvent) -> Step {
        if key.kind == KeyEventKind::Release {
            return Step::Draw;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return Step::Interrupt,
            code if self.typing => self.type_key(code, control),
            KeyCode::Char('q') => return Step::Quit,
            KeyCode::Char('/') => {
                self.typing = true;
                self.filter.clear();
            }
            KeyCode::Char('s') => self.order = self.order.next(),
            KeyCode::Esc => self.filter.clear(),
            code => self.scroll(code),
        }
        Step::Draw
    }

    fn type_key(&mut self, code: KeyCode, control: bool) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(letter) if !control && self.filter.len() < FILTER_LENGTH => {
                self.filter.push(letter);
            }
            code => self.scroll(code),
        }
        if !matches!(code, KeyCode::Up | KeyCode::Down) {
            self.scrolled = 0;
        }
    }

    fn scroll(&mut self, code: KeyCode) {
        self.scrolled = match code {
            KeyCode::Up | KeyCode::Char('k') => self.scrolled.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.scrolled.saturating_add(1),
            KeyCode::PageUp => self.scrolled.saturating_sub(PAGE),
            KeyCode::PageDown => self.scrolled.saturating_add(PAGE),
            KeyCode::Home => 0,
            KeyCode::End => usize::MAX,
            _ => self.scrolled,
        };
    }

    /// Those of `spenders` that are asked for, in the chosen order, from the first that fits on
    /// `lines`. Never scrolls past the last one.
    pub(super) fn chosen<'s>(&mut self, spenders: &'s [Spender], lines: usize) -> Vec<&'s Spender> {
        let wanted = self.filter.to_lowercase();
        let mut chosen: Vec<&Spender> =
            spenders.iter().filter(|one| one.user.to_lowercase().contains(&wanted)).collect();
        let percent = |one: &Spender| one.quota["utilization_percent"].as_f64().unwrap_or(-1.0);
        // Stable: equal ones stay in the order of what they spent.
        match self.order {
            Order::Cost => {}
            Order::Requests => chosen.sort_by_key(|one| std::cmp::Reverse(one.requests)),
            Order::Tokens => chosen.sort_by_key(|one| std::cmp::Reverse(one.tokens)),
            Order::Utilisation => chosen.sort_by(|a, b| percent(b).total_cmp(&percent(a))),
        }
        self.scrolled = self.scrolled.min(chosen.len().saturating_sub(lines));
        chosen.into_iter().skip(self.scrolled).take(lines).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spender(user: &str, requests: u64, percent: u64) -> Spender {
        let quota = json!({ "utilization_percent": percent });
        Spender { user: user.to_owned(), requests, quota, ..Spender::default() }
    }

    fn press(state: &mut State, keys: &[KeyCode]) -> Step {
        let steps = keys.iter().map(|code| state.press(KeyEvent::from(*code)));
        steps.last().unwrap_or(Step::Draw)
    }

    #[test]
    fn a_filter_is_typed_and_q_is_a_letter_of_it() {
        let all = [spender("Quentin", 1, 0), spender("alice", 2, 0)];
        let mut state = State::default();
        let keys = [KeyCode::Char('/'), KeyCode::Char('q'), KeyCode::Char('u')];
        assert_eq!(press(&mut state, &keys), Step::Draw);
        assert_eq!(state.chosen(&all, 5), [&all[0]]);
        press(&mut state, &[KeyCode::Enter]);
        assert_eq!((state.typing, state.filter.as_str()), (false, "qu"));
        assert_eq!(press(&mut state, &[KeyCode::Esc]), Step::Draw);
        assert_eq!(state.chosen(&all, 5).len(), 2);
        assert_eq!(press(&mut state, &[KeyCode::Char('q')]), Step::Quit);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(state.press(interrupt), Step::Interrupt);
    }

    #[test]
    fn arrows_scroll_and_stop_at_both_ends() {
        let all = [spender("a", 1, 9), spender("b", 2, 8), spender("c", 3, 99)];
        let mut state = State::default();
        press(&mut state, &[KeyCode::Down, KeyCode::Down, KeyCode::Down, KeyCode::Down]);
        assert_eq!(state.chosen(&all, 2), [&all[1], &all[2]]);
        press(&mut state, &[KeyCode::Up]);
        assert_eq!(state.chosen(&all, 2), [&all[0], &all[1]]);
        press(&mut state, &[KeyCode::Up, KeyCode::Char('s')]);
        assert_eq!(state.chosen(&all, 1), [&all[2]]);
        press(&mut state, &[KeyCode::Char('s'), KeyCode::Char('s')]);
        assert_eq!((state.order.word(), state.chosen(&all, 3)[1]), ("utilisation", &all[0]));
        press(&mut state, &[KeyCode::End]);
        assert_eq!(state.chosen(&all, 1), [&all[1]]);
    }
}
