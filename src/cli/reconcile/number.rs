//! Numbers of a report as they stand in its JSON, so that no digit is lost on the way. Pure.

use super::super::{Exit, Failure};
use super::amount::Amount;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A number, perhaps in quotes; absent and null are 0.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Number(Option<Box<RawValue>>);

impl Number {
    /// A count of things.
    pub(super) fn count(&self, name: &str) -> Result<u64, Failure> {
        let count = Amount::dollars(self.text()).and_then(Amount::whole);
        count.ok_or_else(|| self.bad(name, "a count"))
    }

    /// An amount of dollars.
    pub(super) fn dollars(&self, name: &str) -> Result<Amount, Failure> {
        Amount::dollars(self.text()).ok_or_else(|| self.bad(name, "an amount"))
    }

    /// An amount of cents.
    pub(super) fn cents(&self, name: &str) -> Result<Amount, Failure> {
        Amount::cents(self.text()).ok_or_else(|| self.bad(name, "an amount"))
    }

    fn text(&self) -> &str {
        self.0.as_ref().map_or("0", |raw| raw.get().trim_matches('"'))
    }

    fn bad(&self, name: &str, wanted: &str) -> Failure {
        let shown: String = self.text().chars().filter(|c| !c.is_control()).take(80).collect();
        Failure::new(Exit::Failed, format!("{name}: `{shown}` is not {wanted}"))
            .hint("the report is not understood; see docs/reconcile.md")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn counts_and_amounts_are_read_as_they_stand() {
        assert_eq!(number("18014398509481985").count("x"), Ok(18_014_398_509_481_985));
        assert_eq!((number("5.0").count("x"), number("null").count("x")), (Ok(5), Ok(0)));
        let exact = number("0.123456789012345678").dollars("x").unwrap();
        assert_eq!(exact.units(), 123_456_789_012_345_678);
        assert_eq!(number("\"123.45\"").cents("x").unwrap(), Amount::nanos(1_234_500_000));
    }

    #[test]
    fn r021_what_is_no_number_is_named() {
        for bad in ["-1", "1.5", "\"many\"", "[1]", "1e40"] {
            let failure = number(bad).count("input_tokens").unwrap_err();
            assert!(failure.message.starts_with("input_tokens: `"), "{failure}");
        }
        assert!(number("{}").dollars("usage").is_err());
    }
}
