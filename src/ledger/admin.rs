//! The rules of administration: what a new account looks like and what a change does to one. Pure;
//! both back ends use it.
//!
//! Invariants: an account has at most one limit for each slot. A change never touches a counter.

use super::account::AccountState;
use super::registry::{AccountStatus, Change, LimitsChange, NewAccount, RegistryError};
use super::slot::Slot;
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, Id};
use crate::limit::Limit;
use crate::secret::SecretDigest;

/// Digits of a revision.
const REVISION: usize = 16;

/// The workspace that exists from the start.
pub fn default_workspace() -> Option<Id> {
    "default".parse().ok()
}

/// The default workspace, as it is created.
pub fn first_workspace() -> Option<NewAccount> {
    Some(NewAccount {
        id: AccountId::workspace(&default_workspace()?),
        name: "default".to_owned(),
        workspace: None,
        limits: None,
        thresholds: None,
        enforcement: None,
        key: None,
    })
}

/// The account above a new one, which has to exist.
pub fn parent(new: &NewAccount) -> Result<Option<AccountId>, RegistryError> {
    match (new.id.kind, &new.key) {
        (AccountKind::Workspace | AccountKind::Credential, None) => Ok(None),
        (AccountKind::User, None) => {
            let workspace = new.workspace.clone().or_else(default_workspace);
            Ok(workspace.as_ref().map(AccountId::workspace))
        }
        (AccountKind::Key, Some(facts)) => {
            if facts.digest.key_id().as_ref() != Some(&new.id.id) {
                let wanted = "the first 32 hexadecimal digits of its SHA-256";
                let text = format!("{} is not the id of this key, which is {wanted}", new.id);
                return Err(RegistryError::Invalid(text));
            }
            Ok(Some(AccountId::user(&facts.user)))
        }
        (AccountKind::Key, None) => {
            Err(RegistryError::Invalid(format!("{} needs the facts of a key", new.id)))
        }
        (_, Some(_)) => Err(RegistryError::Invalid(format!("{} is not a key", new.id))),
    }
}

/// A new account below its parent.
pub fn found(
    new: &NewAccount,
    parent: Option<&AccountState>,
    defaults: &[Limit],
    now: UnixMs,
) -> Result<AccountState, RegistryError> {
    let follows = new.limits.is_none() && new.id.kind == AccountKind::User;
    let limits = match &new.limits {
        Some(limits) => limits.clone(),
        None if follows => defaults.to_vec(),
        None => Vec::new(),
    };
    let workspace = match (new.id.kind, parent) {
        (AccountKind::Workspace | AccountKind::Credential, _) | (_, None) => None,
        (AccountKind::User, Some(workspace)) => Some(workspace.id.id.clone()),
        (AccountKind::Key, Some(user)) => user.workspace.clone(),
    };
    if let (Some(asked), Some(real)) = (&new.workspace, &workspace)
        && asked != real
    {
        let text = format!("{} cannot be in workspace `{asked}`: it belongs to `{real}`", new.id);
        return Err(RegistryError::Invalid(text));
    }
    Ok(AccountState {
        workspace,
        limits: sorted(limits)?,
        follows: follows.then(|| text(defaults)),
        thresholds: new.thresholds.clone(),
        enforcement: new.enforcement,
        key: new.key.clone(),
        ..AccountState::new(new.id.clone(), new.name.clone(), now)
    })
}

/// Names what an operator can change of an account, as it is.
pub fn revision(state: &AccountState) -> String {
    let key = state.key.as_ref().map(|key| (&key.models, key.expires, &key.reach));
    let what = serde_json::json!([
        state.name,
        state.workspace,
        state.status,
        text(&state.limits),
        state.follows,
        state.thresholds,
        state.enforcement,
        key,
        state.created,
    ]);
    SecretDigest::of(&what.to_string()).hex().get(..REVISION).unwrap_or_default().to_owned()
}

/// The workspace that a change moves a user to, once that and the rest of the change are allowed.
pub fn destination<'a>(
    state: &AccountState,
    asked: &'a Change,
    defaults: &[Limit],
) -> Result<Option<&'a Id>, RegistryError> {
    let moves = asked.workspace.as_ref().filter(|to| state.workspace.as_ref() != Some(to));
    let Some(to) = moves.filter(|_| state.id.kind == AccountKind::User) else { return Ok(None) };
    let rest = Change { workspace: None, ..asked.clone() };
    change(&mut state.clone(), &rest, defaults, state.created)?;
    Ok(Some(to))
}

/// Changes an account.
pub fn change(
    state: &mut AccountState,
    change: &Change,
    defaults: &[Limit],
    now: UnixMs,
) -> Result<(), RegistryError> {
    if change.revision.as_ref().is_some_and(|asked| *asked != revision(state)) {
        return Err(RegistryError::Changed(state.id.clone()));
    }
    if change.workspace.as_ref().is_some_and(|asked| state.workspace.as_ref() != Some(asked)) {
        let text = format!("{} cannot be moved: only users are, with their keys", state.id);
        return Err(RegistryError::Invalid(text));
    }
    let restricts =
        change.models.is_some() || change.addresses.is_some() || change.routes.is_some();
    if (restricts || change.expires.is_some()) && state.key.is_none() {
        let text = format!(
            "{} is not a key: only keys expire, or name models, addresses and routes",
            state.id
        );
        return Err(RegistryError::Invalid(text));
    }
    match &change.limits {
        Some(LimitsChange::Set(limits)) => {
            state.limits = sorted(limits.clone())?;
            state.follows = None;
        }
        Some(LimitsChange::FollowDefaults) => follow(state, defaults)?,
        None => {}
    }
    state.unbind();
    if let Some(name) = &change.name {
        state.name.clone_from(name);
    }
    state.status = change.status.unwrap_or(state.status);
    if state.id.kind == AccountKind::Credential && change.status == Some(AccountStatus::Active) {
        state.credential.enabled = Some(now);
    }
    if let Some(thresholds) = &change.thresholds {
        state.thresholds.clone_from(thresholds);
    }
    state.enforcement = change.enforcement.unwrap_or(state.enforcement);
    if let Some(facts) = &mut state.key {
        facts.expires = change.expires.unwrap_or(facts.expires);
        if let Some(models) = &change.models {
            facts.models.clone_from(models);
        }
        if let Some(addresses) = &change.addresses {
            facts.reach.addresses.clone_from(addresses);
        }
        if let Some(routes) = &change.routes {
            facts.reach.routes.clone_from(routes);
        }
    }
    Ok(())
}

/// Gives an account the default limits.
pub fn follow(state: &mut AccountState, defaults: &[Limit]) -> Result<(), RegistryError> {
    if state.id.kind != AccountKind::User {
        let text = format!("{} cannot follow [defaults.user]: it is not a user", state.id);
        return Err(RegistryError::Invalid(text));
    }
    state.limits = sorted(defaults.to_vec())?;
    state.follows = Some(text(defaults));
    state.unbind();
    Ok(())
}

/// The text that marks which defaults were copied.
pub fn text(defaults: &[Limit]) -> String {
    let limits: Vec<String> = defaults.iter().map(Limit::to_string).collect();
    limits.join(", ")
}

/// The slot that a reset names, which the account must have a limit for.
pub fn reset_slot(
    state: &AccountState,
    limit: Option<&str>,
) -> Result<Option<Slot>, RegistryError> {
    let Some(name) = limit else { return Ok(None) };
    let slot = Slot::parse(name).filter(|slot| slot.window.is_some());
    let known = slot.filter(|slot| {
        *slot == Slot::MONTH_USD || state.limits.iter().any(|limit| Slot::of(limit) == *slot)
    });
    known.map(Some).ok_or_else(|| {
        let names: Vec<String> = state.limits.iter().map(Limit::name).collect();
        let text = format!("{} has no limit `{name}`; it has: {}", state.id, names.join(", "));
        RegistryError::Invalid(text)
    })
}

/// Limits in the order in which they are checked.
pub fn sorted(mut limits: Vec<Limit>) -> Result<Vec<Limit>, RegistryError> {
    limits.sort_by_key(|limit| Slot::of(limit).rank());
    for pair in limits.windows(2) {
        if let [a, b] = pair
            && Slot::of(a) == Slot::of(b)
        {
            let text = format!("`{a}` and `{b}` are two limits for {}; give one", a.name());
            return Err(RegistryError::Invalid(text));
        }
    }
    Ok(limits)
}
