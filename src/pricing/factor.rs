//! What a region multiplies the prices of tokens by.
//!
//! Invariant: no floating point; a product is exact as far as a price is kept, and rounded upwards.

use super::exact::Exact;

/// What prices are multiplied by, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor(u64);

impl Factor {
    /// Reads `1.1`: digits, at most one point, at most three decimals, below a thousand.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a factor: write one below 1000 such as 1.1");
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 3
            || decimals.len() > 3
            || !digits(whole)
            || !digits(decimals)
        {
            return Err(bad());
        }
        format!("{whole}{decimals:0<3}").parse().map(Self).map_err(|_| bad())
    }

    /// As it is written, without zeros at the end.
    pub fn text(self) -> String {
        let (whole, rest) = (self.0.div_euclid(1000), self.0.rem_euclid(1000));
        format!("{whole}.{rest:03}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// The price times this.
    pub fn of(self, price: Exact) -> Exact {
        price.thousandths(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::exact::Per;
    use super::*;

    #[test]
    fn a_factor_is_exact() {
        let times = |factor: &str, price: &str| {
            let price = Exact::parse(price).unwrap();
            Factor::parse(factor).unwrap().of(price).per(Per::Million)
        };
        assert_eq!(times("1.1", "12.5"), "13.75");
        assert_eq!(times("1.1", "0.000000000000001"), "0.0000000000000011");
        assert_eq!(times("0", "12.5"), "0");
        assert_eq!(times("2", "0.3"), "0.6");
        assert_eq!(times("999.999", "1"), "999.999");
    }

    #[test]
    fn refuses_what_is_no_factor_and_names_it() {
        for text in ["", ".", ".5", "-1", "1e3", "1,1", "1.2345", "1000", "1.1.1", "１"] {
            let error = Factor::parse(text).unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }
}
