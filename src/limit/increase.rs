//! What a limit is raised by for a while: `+10usd`, or `+10usd/month` where an account has several
//! limits of one meter. Pure.

use super::grammar::{self, BadLimit};
use super::{Limit, Meter, Models, Window};
use std::fmt;
use std::str::FromStr;

/// An amount of a meter; with a window, of the limit over that window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Increase {
    /// What is raised.
    pub meter: Meter,
    /// Of which limit, where that is said.
    pub window: Option<Window>,
    /// Of the limit for which models, where that is said.
    pub models: Option<Models>,
    /// By how much: nano-dollars for `usd`, else a count.
    pub amount: i64,
}

impl Increase {
    /// Whether a limit may be meant.
    pub fn fits(&self, limit: &Limit) -> bool {
        self.meter == limit.meter
            && (self.window.is_none() || self.window == limit.window)
            && (self.models.is_none() || self.models == limit.models)
    }
}

impl FromStr for Increase {
    type Err = BadLimit;

    fn from_str(text: &str) -> Result<Self, BadLimit> {
        let bad = |why: String| BadLimit::increase(text, why);
        let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let body = squeezed.strip_prefix('+').unwrap_or(&squeezed);
        let (body, models) = grammar::models(body).map_err(bad)?;
        let (meter, amount, window) = grammar::counted(body).map_err(bad)?;
        let window = window.map(|word| grammar::window(meter, Some(word))).transpose();
        Ok(Self { meter, window: window.map_err(bad)?.flatten(), models, amount })
    }
}

/// `+10 usd/month`.
impl fmt::Display for Increase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("+")?;
        grammar::write_amount(f, self.meter, self.amount)?;
        write!(f, " {}", self.meter.as_str())?;
        self.window.map_or(Ok(()), |window| write!(f, "/{}", window.as_str()))?;
        self.models.map_or(Ok(()), |models| write!(f, " @{models}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_and_writes_the_canonical_one() {
        for (text, canonical) in [
            ("+10usd", "+10 usd"),
            ("10 usd", "+10 usd"),
            ("+$2.5", "+2.5 usd"),
            ("+10usd/month", "+10 usd/month"),
            ("5kreq/rolling-24h", "+5000 requests/rolling-24h"),
            ("+2 concurrent", "+2 concurrent"),
            ("0usd", "+0 usd"),
            ("+1usd/day@gpt-5*", "+1 usd/day @gpt-5*"),
        ] {
            assert_eq!(text.parse::<Increase>().unwrap().to_string(), canonical);
        }
        for text in ["", "+", "10", "-5usd", "+-5usd", "++5usd", "5usd/year", "2concurrent/day"] {
            let error = text.parse::<Increase>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("+10usd"), "{error}");
        }
    }
}
