//! The orders in which lists of users are read, and the places in them that cursors name. Pure.
//!
//! Invariants: every order is total, because equals follow by id. A cursor names a place, whether or
//! not somebody still stands there, so that what changes meanwhile neither repeats nor hides anybody
//! else.

use super::account::AccountState;
use super::moment::Moment;
use super::registry::{ListFilter, RegistryError};
use crate::ids::{AccountKind, Id};
use crate::limit::Meter;
use std::cmp::Ordering;
use std::fmt::Write;
use std::str::FromStr;

/// How much of a name decides about its order, in bytes.
const NAME_BYTES: usize = 64;
/// A limit that is used up, in billionths.
const FULL: i64 = 1_000_000_000;
/// Where users without a limit in dollars stand.
const NO_LIMIT: i64 = -1;

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortBy {
    /// The id.
    #[default]
    Id,
    /// How far the fullest limit in dollars for all models is used; those without one are lowest.
    Utilization,
    /// Dollars spent ever.
    Spent,
    /// The text for people, without regard to the case of Latin letters.
    Name,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sort {
    /// What it goes by.
    pub by: SortBy,
    /// The highest first.
    pub descending: bool,
}

impl SortBy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Utilization => "utilization",
            Self::Spent => "spent",
            Self::Name => "name",
        }
    }
}

impl FromStr for Sort {
    type Err = ();

    /// Reads `utilization`, `spent` or `name`, with `-` before it for the highest first; or `id`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (word, descending) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
        let all = [SortBy::Utilization, SortBy::Spent, SortBy::Name, SortBy::Id];
        let by = all.into_iter().find(|by| by.as_str() == word).ok_or(())?;
        if by == SortBy::Id && descending { Err(()) } else { Ok(Self { by, descending }) }
    }
}

impl Sort {
    /// Whether one comes before the other.
    pub(super) fn compare<T: Ord>(self, a: &T, b: &T) -> Ordering {
        if self.descending { b.cmp(a) } else { a.cmp(b) }
    }
}

/// A place in an order: a score as text, and who stands there. By name the score is 0, and the
/// member is what [`called`] gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub score: String,
    pub member: Vec<u8>,
}

impl Place {
    /// Whose it is.
    pub fn id(&self) -> Option<Id> {
        let text = self.member.rsplit(|byte| *byte == 0).next()?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// The cursor of what follows it.
    pub fn cursor(&self, sort: Sort) -> String {
        let sign = if sort.descending { "-" } else { "" };
        let mut text = format!("{sign}{}~{}~", sort.by.as_str(), self.score);
        for byte in &self.member {
            // Writing to a text cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    fn read(text: &str, sort: Sort) -> Option<Self> {
        let mut parts = text.split('~');
        let (order, score, hex) = (parts.next()?, parts.next()?, parts.next()?);
        let number = score.parse::<f64>().is_ok_and(f64::is_finite) && score.len() <= 32;
        if order.parse() != Ok(sort) || !number || parts.next().is_some() {
            return None;
        }
        let digits = hex.as_bytes().chunks(2).map(|two| {
            let two = std::str::from_utf8(two).ok().filter(|two| two.len() == 2)?;
            two.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
            u8::from_str_radix(two, 16).ok()
        });
        let place = Self { score: score.to_owned(), member: digits.collect::<Option<_>>()? };
        place.id().is_some().then_some(place)
    }
}

impl ListFilter {
    /// The place that a sorted list goes on after.
    pub(super) fn place(&self) -> Result<Option<Place>, RegistryError> {
        let Some(text) = &self.after else { return Ok(None) };
        Place::read(text, self.sort).map(Some).ok_or_else(|| bad_cursor(text))
    }

    /// The id that a list by id goes on after.
    pub(super) fn after_id(&self) -> Result<Option<Id>, RegistryError> {
        let Some(text) = &self.after else { return Ok(None) };
        text.parse().map(Some).map_err(|_| bad_cursor(text))
    }

    /// Whether the list is to be read in another order than by id.
    pub(super) fn is_sorted(&self, kind: AccountKind) -> Result<bool, RegistryError> {
        match (self.sort.by, kind) {
            (SortBy::Id, _) => Ok(false),
            (_, AccountKind::User) => Ok(true),
            (by, kind) => {
                let (by, kind) = (by.as_str(), kind.as_str());
                Err(RegistryError::Invalid(format!("`{by}` sorts users, not a list of {kind}s")))
            }
        }
    }
}

/// What is said of a text that is no cursor of the list asked for.
pub(super) fn bad_cursor(text: &str) -> RegistryError {
    let shown: String = text.chars().take(80).collect();
    let way = "pass the next_cursor of the page before with the same sort, or none";
    RegistryError::Invalid(format!("`{shown}` is not a cursor of this list; {way}"))
}

/// Where an account stands, as the embedded ledger sorts; Redis has the same order by an index.
pub(super) fn place(state: &AccountState, by: SortBy, moment: &Moment) -> (i64, Vec<u8>) {
    match by {
        SortBy::Id => (0, state.id.id.as_str().into()),
        SortBy::Utilization => (utilization(state, moment), state.id.id.as_str().into()),
        SortBy::Spent => (state.totals.usd, state.id.id.as_str().into()),
        SortBy::Name => (0, called(&state.name, &state.id.id)),
    }
}

/// A name as it is sorted, with the id of who has it.
pub(super) fn called(name: &str, id: &Id) -> Vec<u8> {
    let mut text: Vec<u8> = name.bytes().take(NAME_BYTES).collect();
    text.make_ascii_lowercase();
    text.push(0);
    text.extend(id.as_str().bytes());
    text
}

/// In billionths.
fn utilization(state: &AccountState, moment: &Moment) -> i64 {
    let dollars = state.limits.iter().filter(|l| l.meter == Meter::Usd && l.models.is_none());
    let used = dollars.map(|limit| {
        let standing = state.standing(*limit, moment);
        let part = i128::from(standing.used).saturating_mul(i128::from(FULL));
        let part = part.checked_div(i128::from(standing.allowed())).unwrap_or(i128::from(FULL));
        i64::try_from(part).unwrap_or(i64::MAX)
    });
    used.max().unwrap_or(NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_in_its_own_order_only() {
        let sort: Sort = "-utilization".parse().unwrap();
        let place = Place { score: "0.34125000000000005".to_owned(), member: b"alice".to_vec() };
        let cursor = place.cursor(sort);
        let filter = |after: &str, sort| ListFilter {
            after: Some(after.to_owned()),
            sort,
            ..Default::default()
        };
        assert_eq!(filter(&cursor, sort).place().unwrap(), Some(place));
        for other in ["utilization", "spent", "-name"] {
            assert!(filter(&cursor, other.parse().unwrap()).place().is_err(), "{other}");
        }
        for bad in [
            "",
            "alice",
            "-utilization",
            "-utilization~1~",
            "-utilization~nan~616c",
            "-utilization~1~6",
            "-utilization~1~zz",
            "-utilization~1~+f",
            "-utilization~1~61~",
            "-utilization~1~2f",
        ] {
            let why = filter(bad, sort).place().unwrap_err().to_string();
            assert!(why.contains(&format!("`{bad}`")), "{why}");
        }
    }

    #[test]
    fn names_are_sorted_without_regard_to_case() {
        let of = |name: &str, id: &str| called(name, &id.parse().unwrap());
        assert!(of("anna", "z") < of("Bert", "a") && of("Bert", "a") < of("bert", "b"));
        assert!(of("", "z") < of("a", "a") && of("a", "z") < of("ab", "a"));
        let place = Place { score: "0".to_owned(), member: of(&"ä".repeat(100), "bob") };
        assert_eq!(place.id().unwrap().as_str(), "bob");
        assert!(place.cursor("name".parse().unwrap()).len() < 300);
    }

    #[test]
    fn orders_have_names() {
        for word in ["-id", "", "-", "--name", "Name", "usage"] {
            assert!(word.parse::<Sort>().is_err(), "{word}");
        }
        assert_eq!("id".parse(), Ok(Sort::default()));
    }
}
