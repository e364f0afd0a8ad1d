//! What a host's name stands for.

use crate::ledger::BoxFuture;
use std::io;
use std::net::IpAddr;

/// Resolves names.
pub trait Names: Send + Sync {
    /// The addresses of a name, best first.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// As the system does.
pub(super) struct SystemNames;

impl Names for SystemNames {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
