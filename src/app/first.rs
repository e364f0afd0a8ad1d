//! The first run: an admin token that nobody chose, and somebody who can call at once.

use super::{Books, StartError};
use crate::config::Config;
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{KeyFacts, ListFilter, NewAccount, Reach, Registry, RegistryError};
use crate::secret::{self, SecretDigest};
use secrecy::{ExposeSecret, SecretString};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What the first user may spend.
const FIRST_LIMIT: &str = "5usd/day";

/// Where a generated admin token is kept.
pub fn token_file(data_dir: &Path) -> PathBuf {
    data_dir.join("admin-token")
}

/// The operator's token: the configured one, else the one in the data directory, which is made at
/// the first start and readable by this user only.
pub fn admin_token(config: &Config) -> Result<SecretString, StartError> {
    if let Some(token) = &config.admin_token {
        return Ok(token.clone());
    }
    let path = token_file(&config.data_dir);
    let failed = |e: &dyn std::fmt::Display| StartError::Other(format!("{}: {e}", path.display()));
    std::fs::create_dir_all(&config.data_dir).map_err(|e| failed(&e))?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            let token = secret::random_text();
            file.write_all(token.as_bytes()).map_err(|e| failed(&e))?;
            Ok(token.into())
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let token = std::fs::read_to_string(&path).map_err(|e| failed(&e))?;
            match token.trim() {
                token if token.len() >= 16 => Ok(token.into()),
                _ => Err(failed(&"the token in it is too short; delete the file to get a new one")),
            }
        }
        Err(e) => Err(failed(&e)),
    }
}

/// With an embedded ledger that has no users: creates `default` with a small budget, and a key.
pub async fn first_key(books: &Books) -> Result<Option<SecretString>, StartError> {
    let registry = &*books.registry;
    let failed = |e: RegistryError| StartError::Ledger(e.to_string());
    let anybody = ListFilter { limit: 1, ..ListFilter::default() };
    let users = registry.accounts(AccountKind::User, &anybody).await.map_err(failed)?;
    if !books.is_embedded() || !users.entries.is_empty() {
        return Ok(None);
    }
    let id = |text: &str| text.parse::<Id>().map_err(|e| StartError::Other(e.to_string()));
    let limit = FIRST_LIMIT.parse().map_err(|e| StartError::Other(format!("{e}")))?;
    let user = NewAccount {
        id: AccountId::user(&id("default")?),
        name: String::new(),
        workspace: Some(id("default")?),
        limits: Some(vec![limit]),
        thresholds: None,
        enforcement: None,
        key: None,
    };
    registry.create(&user).await.map_err(failed)?;
    let key = secret::new_user_key();
    create_key(registry, &key, &user).await.map_err(failed)?;
    Ok(Some(key))
}

/// Where a browser on this machine finds a listener: one that takes all addresses is on loopback too.
pub(super) fn reachable(at: SocketAddr) -> SocketAddr {
    match at.ip() {
        ip if !ip.is_unspecified() => at,
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, at.port())),
        IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, at.port())),
    }
}

async fn create_key(
    registry: &dyn Registry,
    key: &SecretString,
    user: &NewAccount,
) -> Result<(), RegistryError> {
    let text = key.expose_secret();
    let digest = SecretDigest::of(text);
    let Some(id) = digest.key_id() else { return Ok(()) };
    let facts = KeyFacts {
        digest,
        user: user.id.id.clone(),
        label: secret::label(text),
        models: Vec::new(),
        expires: None,
        reach: Reach::default(),
    };
    let account = NewAccount {
        id: AccountId::key(&id),
        limits: Some(Vec::new()),
        key: Some(facts),
        ..user.clone()
    };
    registry.create(&account).await.map(|_| ())
}
