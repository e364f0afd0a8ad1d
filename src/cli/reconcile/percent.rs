//! Shares in per cent, in whole numbers only. Pure.

use std::fmt;
use std::str::FromStr;

/// Up to which share a difference is tolerated, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tolerance(u32);

impl Tolerance {
    /// Whether `part` is no more of `whole` than this, signs aside.
    pub(super) fn allows(self, part: i128, whole: i128) -> bool {
        let part = part.unsigned_abs().saturating_mul(1_000_000);
        part <= whole.unsigned_abs().saturating_mul(self.0.into())
    }
}

/// Reads per cent: `0.5`, `3`, `0.5%`; at most 100, with at most four decimals.
impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bad = || {
            let shown: String = text.chars().take(80).collect();
            format!("`{shown}` is not a tolerance: per cent from 0 to 100, such as 0.5")
        };
        let plain = text.strip_suffix('%').unwrap_or(text).trim_end();
        let (whole, decimals) = plain.split_once('.').unwrap_or((plain, ""));
        let digits = whole.bytes().chain(decimals.bytes()).all(|byte| byte.is_ascii_digit());
        if !digits || whole.is_empty() || whole.len() > 3 || decimals.len() > 4 {
            return Err(bad());
        }
        let millionths: u32 = format!("{whole}{decimals:0<4}").parse().map_err(|_| bad())?;
        if millionths > 1_000_000 { Err(bad()) } else { Ok(Self(millionths)) }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:04}", self.0 / 10_000, self.0 % 10_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// `part` of `whole` in per cent with two decimals, the nearest: `3.00`, `-0.07`. `None` where
/// there is a part of nothing.
pub(super) fn share(part: i128, whole: i128) -> Option<String> {
    if part == 0 {
        return Some("0.00".to_owned());
    }
    let whole = whole.unsigned_abs();
    let scaled = part.unsigned_abs().checked_mul(10_000)?.checked_add(whole / 2)?;
    let hundredths = scaled.checked_div(whole)?;
    let sign = if part < 0 && hundredths > 0 { "-" } else { "" };
    Some(format!("{sign}{}.{:02}", hundredths / 100, hundredths % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_two_decimals() {
        for (part, whole, shown) in
            [(3, 100, "3.00"), (-1, 3, "-33.33"), (1, 1_000_000, "0.00"), (5, 100_000, "0.01")]
        {
            assert_eq!(share(part, whole).as_deref(), Some(shown));
        }
        assert_eq!(share(-1, 10_000_000).as_deref(), Some("0.00"));
        assert_eq!(share(0, 0).as_deref(), Some("0.00"));
        assert_eq!(share(1, 0), None);
    }

    #[test]
    fn a_tolerance_is_a_share_of_the_whole() {
        let half: Tolerance = "0.5%".parse().unwrap();
        assert!(half.allows(5, 1000) && half.allows(-5, 1000) && half.allows(0, 0));
        assert!(!half.allows(6, 1000) && !half.allows(1, 0));
        for (text, shown) in [("0", "0"), ("3", "3"), ("0.50", "0.5"), ("100", "100")] {
            assert_eq!(text.parse::<Tolerance>().unwrap().to_string(), shown);
        }
        for bad in ["", "-1", "101", "0.00001", "1e1", "NaN", ".5", "1,5"] {
            assert!(bad.parse::<Tolerance>().unwrap_err().contains(&format!("`{bad}`")));
        }
    }
}
