//! By what results are kept apart, and which calls count at all.

use super::BadParameter;
use super::query::Query;
use crate::ids::Id;
use crate::ledger::UsageEvent;
use serde_json::Value;

/// A property of a call by which results are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Facet {
    /// The workspace.
    Project,
    User,
    Key,
    Model,
    Batch,
    Tier,
    /// Of costs: what the money was for, which is the model.
    LineItem,
    /// Nothing is known of it.
    Unknown(&'static str),
}

/// Who paid, for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payer<'a> {
    pub(super) workspace: &'a str,
    pub(super) user: &'a str,
    pub(super) key: &'a str,
    pub(super) model: &'a str,
}

/// The values of the facets that are asked for.
pub(super) type Group = Vec<Option<String>>;

/// The facets of one sort of results, and what was asked for.
#[derive(Debug)]
pub(super) struct Facets {
    /// All that a result has a field for.
    known: &'static [Facet],
    by: Vec<Facet>,
    projects: Vec<String>,
    users: Vec<Id>,
    keys: Vec<String>,
    models: Vec<String>,
    batch: Option<bool>,
}

impl Facet {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Project => "project_id",
            Self::User => "user_id",
            Self::Key => "api_key_id",
            Self::Model => "model",
            Self::Batch => "batch",
            Self::Tier => "service_tier",
            Self::LineItem => "line_item",
            Self::Unknown(name) => name,
        }
    }

    fn of(self, event: &UsageEvent) -> Option<String> {
        match self {
            Self::Project => Some(event.payers.workspace.to_string()),
            Self::User => Some(event.payers.user.to_string()),
            Self::Key => Some(event.payers.key.to_string()),
            Self::Model | Self::LineItem => Some(event.facts.model.clone()),
            Self::Batch => Some(is_batch(event).to_string()),
            Self::Tier => event.service_tier.clone(),
            Self::Unknown(_) => None,
        }
    }

    /// The same of costs, which have no other facets.
    fn of_payer(self, payer: &Payer<'_>) -> Option<String> {
        let text = match self {
            Self::Project => payer.workspace,
            Self::User => payer.user,
            Self::Key => payer.key,
            Self::Model | Self::LineItem => payer.model,
            Self::Batch | Self::Tier | Self::Unknown(_) => return None,
        };
        Some(text.to_owned())
    }

    fn value(self, text: Option<&String>) -> Value {
        match (self, text) {
            (_, None) => Value::Null,
            (Self::Batch, Some(text)) => Value::from(text == "true"),
            (_, Some(text)) => Value::from(text.as_str()),
        }
    }
}

fn is_batch(event: &UsageEvent) -> bool {
    event.service_tier.as_deref() == Some("batch") || event.facts.dialect == "openai.batches"
}

impl Facets {
    /// Reads what is asked of results that have these facets.
    pub(super) fn read(query: &Query, known: &'static [Facet]) -> Result<Self, BadParameter> {
        let owned = |name| {
            let values = query.all(name)?;
            Ok::<Vec<String>, BadParameter>(values.into_iter().map(str::to_owned).collect())
        };
        let mut by = Vec::new();
        for word in query.all("group_by")? {
            let Some(&facet) = known.iter().find(|facet| facet.name() == word) else {
                let all: Vec<&str> = known.iter().map(|facet| facet.name()).collect();
                let shown: String = word.chars().take(80).collect();
                let why = format!(
                    "Invalid value for 'group_by': '{shown}'. Supported values are: {}.",
                    all.join(", ")
                );
                return Err(BadParameter::new("group_by", why));
            };
            if !by.contains(&facet) {
                by.push(facet);
            }
        }
        let bool = |text: &str| text.parse().ok();
        let users = query.all("user_ids")?.into_iter();
        // What is no id is nobody's.
        let users: Vec<Option<Id>> = users.map(|text| text.parse().ok()).collect();
        if !users.is_empty() && users.iter().all(Option::is_none) {
            return Err(BadParameter::new("user_ids", "None of 'user_ids' is an id.".to_owned()));
        }
        Ok(Self {
            known,
            by,
            projects: owned("project_ids")?,
            users: users.into_iter().flatten().collect(),
            keys: owned("api_key_ids")?,
            models: owned("models")?,
            batch: query.one("batch", "true or false", bool)?,
        })
    }

    /// The only user whose calls count, where it is one.
    pub(super) fn only_user(&self) -> Option<&Id> {
        self.users.first().filter(|_| self.users.len() == 1)
    }

    /// Whether a call counts.
    pub(super) fn take(&self, event: &UsageEvent) -> bool {
        let payers = &event.payers;
        let payer = Payer {
            workspace: payers.workspace.as_str(),
            user: payers.user.as_str(),
            key: payers.key.as_str(),
            model: &event.facts.model,
        };
        self.pays(&payer) && self.batch.is_none_or(|batch| batch == is_batch(event))
    }

    /// Whether what somebody paid counts.
    pub(super) fn pays(&self, payer: &Payer<'_>) -> bool {
        let among = |list: &[String], text: &str| list.is_empty() || list.iter().any(|l| l == text);
        let of = |id: &Id| id.as_str() == payer.user;
        among(&self.projects, payer.workspace)
            && (self.users.is_empty() || self.users.iter().any(of))
            && among(&self.keys, payer.key)
            && among(&self.models, payer.model)
    }

    /// What must be known of a payer: workspace, user, key, model.
    pub(super) fn needed(&self) -> [bool; 4] {
        let by = |facet| self.by.contains(&facet);
        [
            by(Facet::Project) || !self.projects.is_empty(),
            by(Facet::User) || !self.users.is_empty(),
            by(Facet::Key) || !self.keys.is_empty(),
            by(Facet::Model) || by(Facet::LineItem) || !self.models.is_empty(),
        ]
    }

    /// To which result that belongs.
    pub(super) fn group_of(&self, payer: &Payer<'_>) -> Group {
        self.by.iter().map(|facet| facet.of_payer(payer)).collect()
    }

    /// To which result a call belongs.
    pub(super) fn group(&self, event: &UsageEvent) -> Group {
        self.by.iter().map(|facet| facet.of(event)).collect()
    }

    /// The fields of a result's group; null by what was not grouped.
    pub(super) fn fields(&self, group: &Group) -> impl Iterator<Item = (&'static str, Value)> {
        self.known.iter().map(|&facet| {
            let at = self.by.iter().position(|by| *by == facet);
            let text = at.and_then(|at| group.get(at)).and_then(Option::as_ref);
            (facet.name(), facet.value(text))
        })
    }
}
