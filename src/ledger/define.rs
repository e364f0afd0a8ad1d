//! What the configuration's text does to the account of a credential. Pure; both back ends use it.
//!
//! Invariant: limits, and apart from them thresholds, are written where their text in the
//! configuration is another than when they were last defined, and only then. So what an operator
//! set stays until the configuration says something new.

use super::account::AccountState;
use super::admin;
use super::attempt::CredentialSetup;
use super::registry::{NewAccount, RegistryError};
use crate::ids::{AccountId, Id};
use crate::limit::Thresholds;

/// Between limits and thresholds in the text of a definition.
const BETWEEN: &str = "; ";

/// The account of a credential that has none yet; without limits.
pub fn first(credential: &Id) -> NewAccount {
    NewAccount {
        id: AccountId::credential(credential),
        name: credential.to_string(),
        workspace: None,
        limits: None,
        thresholds: None,
        enforcement: None,
        key: None,
    }
}

/// Gives the account of a credential what the configuration says newly.
pub fn define(state: &mut AccountState, setup: &CredentialSetup) -> Result<(), RegistryError> {
    let limits = admin::text(&setup.limits);
    let thresholds = setup.thresholds.as_ref().map_or_else(String::new, Thresholds::to_string);
    let before = state.credential.defined.as_deref().and_then(|text| text.split_once(BETWEEN));
    let new_limits = before.is_none_or(|(before, _)| before != limits);
    let new_thresholds = before.is_none_or(|(_, before)| before != thresholds);
    if new_limits {
        state.limits = admin::sorted(setup.limits.clone())?;
        state.unbind();
    }
    if new_thresholds {
        state.thresholds.clone_from(&setup.thresholds);
    }
    state.credential.defined = Some([limits.as_str(), thresholds.as_str()].join(BETWEEN));
    state.credential.metadata.clone_from(&setup.metadata);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limit;

    fn setup(limits: &[&str], thresholds: Option<&[u32]>) -> CredentialSetup {
        CredentialSetup {
            id: "groq_1".parse().unwrap(),
            limits: limits.iter().map(|limit| limit.parse().unwrap()).collect(),
            thresholds: thresholds.map(|list| list.to_vec().try_into().unwrap()),
            metadata: [("tier".to_owned(), "free".to_owned())].into(),
        }
    }

    fn fresh() -> AccountState {
        admin::found(&first(&"groq_1".parse().unwrap()), None, &[], 1).unwrap()
    }

    fn shown(state: &AccountState) -> (Vec<String>, Option<String>) {
        let limits = state.limits.iter().map(Limit::to_string).collect();
        (limits, state.thresholds.as_ref().map(Thresholds::to_string))
    }

    #[test]
    fn what_an_operator_set_stays_until_the_configuration_says_something_new() {
        let mut state = fresh();
        define(&mut state, &setup(&["14400 characters/day"], Some(&[75, 100]))).unwrap();
        assert_eq!(state.credential.defined.as_deref(), Some("14400 characters/day; 75,100"));
        state.limits = vec!["20000 characters/day".parse().unwrap()];
        let by_hand = shown(&state);
        define(&mut state, &setup(&["14400 characters/day"], Some(&[75, 100]))).unwrap();
        assert_eq!(shown(&state), by_hand);
        define(&mut state, &setup(&["14400 characters/day"], None)).unwrap();
        assert_eq!(shown(&state), (by_hand.0, None));
        define(&mut state, &setup(&["15k characters/day"], None)).unwrap();
        assert_eq!(shown(&state), (vec!["15000 characters/day".to_owned()], None));
    }

    #[test]
    fn what_is_spelt_differently_is_the_same() {
        let mut state = fresh();
        define(&mut state, &setup(&["15k chars/day"], None)).unwrap();
        state.limits.clear();
        define(&mut state, &setup(&["15000 characters / day"], None)).unwrap();
        assert!(state.limits.is_empty());
    }

    #[test]
    fn two_limits_of_one_meter_and_window_are_refused_and_named() {
        let twice = setup(&["1 characters/day", "2 characters/day"], None);
        let why = define(&mut fresh(), &twice).unwrap_err().to_string();
        assert!(why.contains("1 characters/day") && why.contains("2 characters/day"), "{why}");
    }
}
