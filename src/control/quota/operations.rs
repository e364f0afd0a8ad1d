//! `GET /api/quota/…` on the admin listener: of one user, of one workspace, or of all that the
//! principal sees.

use super::super::answer::envelope;
use super::super::desk::Desk;
use super::super::fields::{Fields, Params};
use super::super::operation::Operations;
use super::super::problem::Problem;
use super::super::scope::{Resource, Scope};
use super::super::value;
use super::figure::Member;
use super::{About, availability, is_known, tag, totals};
use crate::clock::UnixMs;
use crate::ids::AccountId;
use crate::ledger::EventQuery;
use crate::limit::Window;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// So many events are summed.
const MOST_EVENTS: usize = 2_000_000;

const OF: &[&str] = &["user", "workspace"];

pub(in super::super) fn operations() -> Operations {
    let read = Scope::Read(Resource::Usage);
    Operations::default()
        .get("/api/quota/status", read, status)
        .says("Shows how much is used of what", 200, "QuotaStatus")
        .asks(OF)
        .get("/api/quota/notifications", read, notifications)
        .says("Says in words what people should know of their quota", 200, "[Notification]")
        .asks(OF)
        .get("/api/quota/usage", read, usage)
        .says("Sums what was used, this month or since a time", 200, "QuotaUsage")
        .asks(&["user", "workspace", "since"])
        .get("/api/quota/check", read, check)
        .says("Says whether a call would be taken now", 200, "Availability")
        .asks(OF)
        .get("/api/quota/availability", read, check)
        .says("The same as /api/quota/check", 200, "Availability")
        .asks(OF)
}

/// Whom the parameters name.
fn about(desk: &Desk, fields: &mut Fields) -> Result<About, Problem> {
    let user = fields.read("user", value::id);
    let workspace = fields.read("workspace", value::id);
    if let (Some(user), Some(workspace)) = (&user, &workspace) {
        let detail = format!("`user={user}` and `workspace={workspace}` exclude each other");
        fields.fault("workspace", detail);
    }
    match (user, workspace) {
        (Some(user), _) => Ok(About::User(user)),
        (None, workspace) => Ok(desk.within(workspace)?.map_or(About::All, About::Workspace)),
    }
}

/// The accounts of a question, where the principal sees them.
async fn seen(desk: &Desk, about: &About) -> Result<Vec<Member>, Problem> {
    let members = desk.quota.members(about).await?;
    let hidden = |member: &&Member| {
        let owner = member.accounts.iter().find(|account| account.id == member.owner);
        owner.is_some_and(|account| !desk.by.sees_account(account))
    };
    match members.iter().find(hidden) {
        Some(member) => Err(Problem::missing(&member.owner)),
        None => Ok(members),
    }
}

fn enveloped(desk: &Desk, data: Value) -> Json<Value> {
    Json(envelope(desk.clock.now(), data, Value::Null))
}

async fn status(
    desk: Desk,
    headers: HeaderMap,
    Params(mut fields): Params,
) -> Result<Response, Problem> {
    let asked = about(&desk, &mut fields);
    fields.finish(Some(()))?;
    let data = desk.quota.status(&seen(&desk, &asked?).await?).await?;
    let tag = tag(&data);
    let own =
        [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if is_known(known, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, own).into_response());
    }
    Ok((own, enveloped(&desk, data)).into_response())
}

async fn notifications(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let asked = about(&desk, &mut fields);
    fields.finish(Some(()))?;
    let asked = asked?;
    let mut members = seen(&desk, &asked).await?;
    members.extend(desk.quota.users(&asked).await?);
    Ok(enveloped(&desk, desk.quota.notices(&members)))
}

async fn check(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let asked = about(&desk, &mut fields);
    fields.finish(Some(()))?;
    let data = match seen(&desk, &asked?).await {
        Ok(members) => desk.quota.check(&members),
        Err(problem) if problem.status == StatusCode::SERVICE_UNAVAILABLE => {
            availability::unknown()
        }
        Err(problem) => return Err(problem),
    };
    Ok(enveloped(&desk, data))
}

async fn usage(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let asked = about(&desk, &mut fields);
    let since = fields.read("since", value::past(desk.clock.now()));
    fields.finish(Some(()))?;
    let mut query =
        EventQuery { since: Some(since.unwrap_or_else(|| month(&desk))), ..EventQuery::default() };
    match asked? {
        About::User(user) => {
            exists(&desk, &AccountId::user(&user)).await?;
            query.user = Some(user);
        }
        About::Workspace(workspace) => {
            exists(&desk, &AccountId::workspace(&workspace)).await?;
            query.workspace = Some(workspace);
        }
        About::Key(_) | About::All => {}
    }
    Ok(enveloped(&desk, totals::usage(&*desk.registry, query, MOST_EVENTS).await?))
}

async fn exists(desk: &Desk, id: &AccountId) -> Result<(), Problem> {
    desk.find(id).await.map(|_| ())
}

/// When the current month began.
fn month(desk: &Desk) -> UnixMs {
    let now = desk.clock.now();
    desk.calendar.begins(Window::Month, now).unwrap_or(now)
}
