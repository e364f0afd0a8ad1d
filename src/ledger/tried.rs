//! The attempts of a call that was tried more than once, as its event tells them. Pure.
//!
//! Not here: what an attempt holds and uses of a credential's quota (`attempts`). Invariants: there
//! are at most [`Tries::MOST`], the last one among them; a call that was tried once has none, so its
//! event is not a byte longer.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One attempt that came to its end. Times are milliseconds after the call arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The name of the credential, empty where the provider needs none.
    pub credential: String,
    /// The provider's name in the configuration.
    pub provider: String,
    /// The provider's HTTP status, if one arrived.
    pub status: Option<u16>,
    /// Why the call went on, or what became of an answer whose head never came: a word. `None` of the
    /// attempt that was answered.
    pub error: Option<Cow<'static, str>>,
    /// When it began.
    pub started_ms: u64,
    /// When it ended; of the last attempt, with its answer.
    pub ended_ms: u64,
}

/// The attempts of one call, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tries(Vec<Tried>);

impl Tries {
    /// So many are kept of one call: the first ones and the last.
    pub const MOST: usize = 8;

    /// Adds one. Where there are too many, the one before it is forgotten.
    pub fn push(&mut self, tried: Tried) {
        self.0.truncate(Self::MOST.saturating_sub(1));
        self.0.push(tried);
    }

    /// These, unless there is only one: that is told by the event itself.
    #[must_use]
    pub fn of_several(self) -> Self {
        if self.0.len() < 2 { Self::default() } else { self }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in order.
    pub fn as_slice(&self) -> &[Tried] {
        &self.0
    }

    /// The one field of an event: a JSON list.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Tries::text`] wrote. What cannot be read is left out: it is no reason to lose the
    /// event of a charge.
    pub(super) fn parse(text: &str) -> Self {
        let mut read: Self = serde_json::from_str(text).unwrap_or_default();
        read.0.truncate(Self::MOST);
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(n: u64) -> Tried {
        Tried {
            credential: format!("openai-{n}"),
            provider: "openai".to_owned(),
            status: Some(429),
            error: Some("limited".into()),
            started_ms: n,
            ended_ms: n.saturating_add(1),
        }
    }

    fn tries(count: u64) -> Tries {
        let mut tries = Tries::default();
        (0..count).for_each(|n| tries.push(tried(n)));
        tries
    }

    #[test]
    fn the_first_and_the_last_are_kept_and_one_alone_is_not() {
        let kept = |count| {
            let tries = tries(count).of_several();
            tries.as_slice().iter().map(|one| one.started_ms).collect::<Vec<_>>()
        };
        assert_eq!(kept(0), [0; 0]);
        assert_eq!(kept(1), [0; 0]);
        assert_eq!(kept(2), [0, 1]);
        assert_eq!(kept(8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(kept(20), [0, 1, 2, 3, 4, 5, 6, 19]);
    }

    #[test]
    fn they_are_read_as_they_are_written_and_damage_is_none() {
        let mut two = tries(1);
        two.push(Tried { status: None, error: None, ..tried(1) });
        assert_eq!(
            two.text(),
            r#"[{"credential":"openai-0","provider":"openai","status":429,"error":"limited","started_ms":0,"ended_ms":1},{"credential":"openai-1","provider":"openai","status":null,"error":null,"started_ms":1,"ended_ms":2}]"#
        );
        assert_eq!(Tries::parse(&two.text()), two);
        for damaged in ["", "[", "{}", "[1]", r#"[{"credential":"a"}]"#, "null"] {
            assert_eq!(Tries::parse(damaged), Tries::default(), "{damaged}");
        }
        let long = format!("[{}]", vec![r#"{"credential":"","provider":"","status":null,"error":null,"started_ms":0,"ended_ms":0}"#; 50].join(","));
        assert_eq!(Tries::parse(&long).as_slice().len(), Tries::MOST);
    }
}
