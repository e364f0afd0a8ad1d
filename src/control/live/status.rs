//! The status of a scope: placeholder until merged.

use super::audience::Of;
use crate::control::accounts;
use crate::control::desk::Desk;
use crate::control::problem::Problem;
use crate::ids::AccountId;
use serde_json::{Value, json};

/// The status of what a connection is about.
pub(super) async fn status(desk: &Desk, of: &Of) -> Result<Value, Problem> {
    match of {
        Of::User(id) => {
            let account = desk.find(&AccountId::user(id)).await?;
            let shown = accounts::shown(desk, &account);
            Ok(json!({"status": shown["status"], "limits": shown["limits"]}))
        }
        Of::All | Of::Workspace(_) => Ok(json!({"status": "normal"})),
    }
}
