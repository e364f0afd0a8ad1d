//! The status of what a connection is about: that of the quota API.

use super::audience::Of;
use crate::control::desk::Desk;
use crate::control::problem::Problem;
use crate::control::quota::About;
use serde_json::Value;

/// The `data` of `/api/quota/status` for the same.
pub(super) async fn status(desk: &Desk, of: &Of) -> Result<Value, Problem> {
    let about = match of {
        Of::All => About::All,
        Of::Workspace(id) => About::Workspace(id.clone()),
        Of::User(id) => About::User(id.clone()),
    };
    let members = desk.quota.members(&about).await?;
    Ok(desk.quota.status(&members).await?)
}
