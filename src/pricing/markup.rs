//! What a payer is charged for what a call cost.
//!
//! Invariant: factor and fee are applied to the exact cost, and the result is rounded up once.

use super::exact::Exact;
use super::factor::Factor;
use super::globs::Globs;
use crate::money::NanoUsd;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MILLION: u64 = 1_000_000;

/// A mark-up: `[[prices.markups]]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Markup {
    /// Workspaces whose calls it is for; none: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    workspaces: Option<Globs>,
    /// Users whose calls it is for; none: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<Globs>,
    /// What the cost is multiplied by.
    #[serde(skip_serializing_if = "Option::is_none")]
    multiplier: Option<Factor>,
    /// What is added for each charged call.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_request: Option<Fee>,
}

impl Markup {
    /// What is wrong with it, if anything is.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let none = self.multiplier.is_none() && self.per_request.is_none();
        none.then_some("it changes nothing; give a `multiplier`, a `per_request`, or both")
    }

    pub(super) fn is_for(&self, payer: Payer<'_>) -> bool {
        let fits = |globs: &Option<Globs>, name| globs.as_ref().is_none_or(|g| g.fit(name));
        fits(&self.workspaces, payer.workspace) && fits(&self.users, payer.user)
    }

    pub(super) fn on(&self, cost: Exact) -> NanoUsd {
        let fee = self.per_request.map_or(Exact::ZERO, |fee| fee.0);
        self.multiplier.unwrap_or(Factor::ONE).of(cost).plus(fee).round_up()
    }
}

/// Who pays for a call, by id.
#[derive(Debug, Clone, Copy)]
pub struct Payer<'a> {
    /// The workspace.
    pub workspace: &'a str,
    /// The user.
    pub user: &'a str,
}

/// Dollars for one call, written as a price is.
#[derive(Debug, Clone, Copy)]
struct Fee(Exact);

impl<'de> Deserialize<'de> for Fee {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // A price is read as that of a million.
        Ok(Self(Exact::deserialize(from)?.times(MILLION)))
    }
}

impl Serialize for Fee {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markup(text: &str) -> Markup {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_charge_is_rounded_once_after_factor_and_fee() {
        let cost = |millionths: &str| Exact::parse(millionths).unwrap();
        // 0.4 × 1.1 + 0.5 = 0.94 nano-dollars. Rounding each would give 2.
        let both = markup("multiplier = '1.1'\nper_request = '0.0000000005'");
        assert_eq!(both.on(cost("0.0004")).get(), 1);
        assert_eq!(both.on(Exact::ZERO).get(), 1);
        // 3347.5 × 1.1 = 3682.25.
        assert_eq!(markup("multiplier = '1.1'").on(cost("3.3475")).get(), 3_683);
        assert_eq!(markup("per_request = '0.001'").on(cost("1")).get(), 1_001_000);
        assert_eq!(markup("multiplier = '0'").on(cost("1")).get(), 0);
    }

    #[test]
    fn it_is_for_those_that_fit_all_it_names() {
        let payer = Payer { workspace: "eng", user: "alice" };
        for (text, fits) in [
            ("", true),
            ("workspaces = ['e*']", true),
            ("workspaces = ['ops', 'eng']", true),
            ("users = ['bob']", false),
            ("workspaces = ['eng']\nusers = ['bob']", false),
            ("workspaces = ['eng']\nusers = ['a????']", true),
        ] {
            assert_eq!(markup(text).is_for(payer), fits, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, part) in [
            ("multiplier = '-1'", "`-1` is not a factor"),
            ("multiplier = '1e3'", "`1e3` is not a factor"),
            ("multiplier = '1001'", "`1001` is not a factor"),
            ("multiplier = 1.1", "floating point `1.1`"),
            ("per_request = '-0.1'", "`-0.1` is not a price"),
            ("per_request = 'NaN'", "`NaN` is not a price"),
            ("users = []", "an empty list"),
            ("users = ['a[']", "`a[` is not a pattern"),
            ("user = ['a']", "unknown field `user`"),
        ] {
            let error = toml::from_str::<Markup>(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(markup("users = ['a']").fault().is_some());
    }
}
