//! Names that look like one that has no price, for a message.
//!
//! Invariant: every suggestion is a name that the same call could have used at the same provider;
//! the time it takes is bounded, whatever the name is.

use super::PriceTable;
use super::document;

/// Longer names are not compared; the longest in the shipped table has 76 characters.
const LONGEST: usize = 128;

/// How many are suggested.
const MOST: usize = 3;

impl PriceTable {
    /// Up to three names that look like `name`, best first: of the provider's models and deployments,
    /// or of all where the table does not know the provider.
    pub fn nearest(&self, provider: Option<&str>, name: &str) -> Vec<String> {
        if name.len() > LONGEST {
            return Vec::new();
        }
        let (scope, rest) = match (self.scope(provider), name.split_once('/')) {
            (None, Some((prefix, rest))) if self.scope(Some(prefix)).is_some() => {
                (self.scope(Some(prefix)), rest)
            }
            (scope, _) => (scope, name),
        };
        let prefix = name.strip_suffix(rest).unwrap_or_default();
        let of_scope = |place: &usize| {
            let model = self.models.get(*place);
            model.is_some_and(|model| scope.is_none_or(|scope| model.provider == scope))
        };
        let listed = self.by_name.iter().filter(|(_, places)| places.iter().any(of_scope));
        let listed = listed.map(|(name, _)| name.as_str());
        // An ARN tells whose account it is, which is not for every caller to know.
        let deployed = self.deployments.names(provider).filter(|name| !name.starts_with("arn:"));
        let near = document::nearest(rest, listed.chain(deployed), MOST);
        near.into_iter().map(|near| format!("{prefix}{near}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::Deployment;

    fn table() -> PriceTable {
        let model = |id: &str, provider: &str| {
            format!(
                "[[model]]\nid = '{id}'\nprovider = '{provider}'\n\
                 [[model.price]]\ninput = '1'\noutput = '2'\n"
            )
        };
        let text = [
            model("gpt-5", "openai"),
            model("gpt-5-mini", "openai"),
            model("openai/gpt-5.5", "openrouter"),
        ];
        let deployments =
            ["prod-chat", "arn:aws:bedrock:us-east-1:123:x/abc"].map(|name| Deployment {
                provider: "azure".to_owned(),
                name: name.to_owned(),
                target: "gpt-5".to_owned(),
                place: String::new(),
            });
        PriceTable::parse(&text.concat()).unwrap().with_deployments(&deployments).unwrap()
    }

    #[track_caller]
    fn check(provider: Option<&str>, name: &str, expected: &[&str]) {
        assert_eq!(table().nearest(provider, name), expected);
    }

    #[test]
    fn names_are_those_that_the_call_could_have_used() {
        check(Some("openai"), "gpt-5-min", &["gpt-5-mini", "gpt-5"]);
        check(Some("openrouter"), "openai/gpt-55", &["openai/gpt-5.5"]);
        check(None, "openai/gpt-5-min", &["openai/gpt-5-mini", "openai/gpt-5"]);
        check(Some("azure"), "prod-chta", &["prod-chat"]);
        check(Some("openai"), "prod-chta", &[]);
        check(Some("azure"), "arn:aws:bedrock:us-east-1:123:x/abd", &[]);
    }

    #[test]
    fn a_name_that_is_too_long_is_like_none() {
        check(None, &"gpt-5".repeat(26), &[]);
    }
}
