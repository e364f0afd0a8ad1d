//! The fields of a JSON body by name, each read when it is asked for. What an API does not know is
//! passed over; what has the wrong type is refused by name.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A request that the API refuses: which parameter, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadOrder {
    pub(super) param: Option<&'static str>,
    pub(super) message: String,
}

impl BadOrder {
    /// A parameter is absent or cannot be.
    pub(super) fn of(param: &'static str, message: String) -> Self {
        Self { param: Some(param), message }
    }
}

/// The fields of one object.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// Reads a body.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, BadOrder> {
        serde_json::from_slice(body).map(Self).map_err(|why| BadOrder {
            param: None,
            message: format!("We could not parse the JSON body of your request. ({why})"),
        })
    }

    /// The field's JSON; `null` is absent.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.get()).filter(|json| *json != "null")
    }

    /// The field, in its type.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, BadOrder> {
        let bad = |why| BadOrder::of(name, format!("Invalid type for '{name}'. ({why})"));
        self.raw(name).map(serde_json::from_str).transpose().map_err(bad)
    }

    /// The fields of the object in this field; none where it is absent.
    pub(super) fn inside(&self, name: &'static str) -> Result<Self, BadOrder> {
        let bad = |why| BadOrder::of(name, format!("Invalid type for '{name}'. ({why})"));
        let Some(json) = self.raw(name) else { return Ok(Self::default()) };
        serde_json::from_str(json).map(Self).map_err(bad)
    }

    /// How many elements the list in this field has; 0 where it is none.
    pub(super) fn length(&self, name: &str) -> usize {
        self.raw(name)
            .and_then(|json| serde_json::from_str::<Vec<&RawValue>>(json).ok())
            .map_or(0, |list| list.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_name_and_refused_by_name() {
        let body = br#"{"n":2,"stream":null,"list":[1,[2]],"inner":{"k":"\u0041"},"text":"x"}"#;
        let fields = Fields::read(body).unwrap();
        assert_eq!(fields.get::<u64>("n"), Ok(Some(2)));
        assert_eq!(fields.get::<bool>("stream"), Ok(None));
        assert_eq!(fields.inside("inner").unwrap().get::<String>("k"), Ok(Some("A".to_owned())));
        assert!(fields.inside("absent").unwrap().raw("k").is_none());
        assert_eq!((fields.length("list"), fields.length("text")), (2, 0));
        assert_eq!(fields.get::<u64>("text").unwrap_err().param, Some("text"));
        assert_eq!(fields.inside("n").unwrap_err().param, Some("n"));
        assert!(Fields::read(b"[]").unwrap_err().message.contains("JSON body"));
    }
}
