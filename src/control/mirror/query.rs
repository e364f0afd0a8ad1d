//! The query: lists come as `name=a&name=b`, `name[]=a` or `name[0]=a`.

use super::BadParameter;
use axum::extract;
use axum::http::Uri;

/// The parameters, names without the brackets of lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

/// Most values of one list.
const MOST_VALUES: usize = 1_000;

impl Query {
    pub(super) fn read(uri: &Uri) -> Result<Self, BadParameter> {
        let bad = |_| BadParameter { name: None, message: "The query is not readable.".to_owned() };
        let extract::Query(pairs): extract::Query<Vec<(String, String)>> =
            extract::Query::try_from_uri(uri).map_err(bad)?;
        let plain = |(name, value): (String, String)| {
            let name = name.split('[').next().unwrap_or_default().to_owned();
            (name, value)
        };
        Ok(Self(pairs.into_iter().map(plain).collect()))
    }

    /// The values of a list; without what is empty.
    pub(super) fn all(&self, name: &'static str) -> Result<Vec<&str>, BadParameter> {
        let values = self.0.iter().filter(|(given, value)| given == name && !value.is_empty());
        let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
        if values.len() > MOST_VALUES {
            let why = format!("'{name}' may have at most {MOST_VALUES} values.");
            return Err(BadParameter::new(name, why));
        }
        Ok(values)
    }

    /// A parameter that may be absent; an empty one is.
    pub(super) fn one<T>(
        &self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, BadParameter> {
        let given = self.0.iter().find(|(given, value)| given == name && !value.is_empty());
        let Some((_, text)) = given else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            BadParameter::new(
                name,
                format!("Invalid value for '{name}': '{shown}'. Expected {expected}."),
            )
        })
    }

    /// A parameter that must be there.
    pub(super) fn required<T>(
        &self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, BadParameter> {
        self.one(name, expected, read)?.ok_or_else(|| {
            BadParameter::new(name, format!("Missing required parameter: '{name}', {expected}."))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_in_every_spelling() {
        for text in [
            "group_by=a&group_by=b",
            "group_by[]=a&group_by[]=b",
            "group_by%5B0%5D=a&x=1&group_by%5B1%5D=b",
        ] {
            let query = Query::read(&format!("/x?{text}").parse().unwrap()).unwrap();
            assert_eq!(query.all("group_by"), Ok(vec!["a", "b"]), "{text}");
        }
    }

    #[test]
    fn what_is_refused_is_named() {
        let query = Query::read(&"/x?limit=many&page=".parse().unwrap()).unwrap();
        let number = |text: &str| text.parse::<u32>().ok();
        let bad = query.one("limit", "a number", number).unwrap_err();
        assert!(bad.name == Some("limit") && bad.message.contains("'many'"), "{bad:?}");
        assert_eq!(query.one("page", "a page", number), Ok(None));
        assert!(query.required("start_time", "Unix seconds", number).is_err());
    }
}
