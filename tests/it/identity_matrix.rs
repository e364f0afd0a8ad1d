//! Every operation of the table, asked by every role; and twenty workspaces, of which none sees
//! another.

use crate::control_desk::{Desk, TOKEN, raw};
use crate::identity_rig::{Browser, token, with};
use farebox::config::Protection;
use farebox::control::{Entry, Scope, table};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Bounds that a walk over all operations does not reach.
fn patient() -> Protection {
    Protection {
        auth_failures_per_minute: 1_000_000,
        requests_per_minute: 1_000_000,
        ..Protection::default()
    }
}

/// The path with names in place of its parameters.
fn filled(entry: &Entry, name: impl Fn(&str) -> String) -> String {
    let part = |part: &str| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(parameter) => name(parameter),
        None => part.to_owned(),
    };
    entry.path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Where nothing is.
fn nowhere(entry: &Entry) -> String {
    filled(entry, |parameter| match parameter {
        "account" => "user:nobody".to_owned(),
        "kind" => "completions".to_owned(),
        _ => "nobody".to_owned(),
    })
}

#[tokio::test]
async fn every_operation_asks_for_its_scope_and_for_no_other() {
    let desk = Desk::guarded("", patient()).await;
    let key = desk.user_with_key("alice").await["key"].as_str().unwrap().to_owned();
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    let mut roles = Vec::new();
    for scope in Scope::grantable() {
        for workspace in [None, Some("eng")] {
            let (_, text) = token(&desk, &[&scope.to_string()], workspace).await;
            roles.push((scope, workspace, text));
        }
    }
    for entry in table() {
        let (path, method) = (nowhere(&entry), entry.method.as_str());
        if entry.own_door {
            // Live updates need no token, but a ticket.
            assert_eq!(raw(desk.at, method, &path, &[], "").await.status, 401, "{path}");
            continue;
        }
        if entry.scope == Scope::Public {
            let status = raw(desk.at, method, &path, &[], "").await.status.as_u16();
            assert!(!matches!(status, 401 | 403), "{method} {path}: {status}");
            continue;
        }
        for stranger in ["wrong", key.as_str(), "fb-adm-0123456789abcdef-x"] {
            let answer = with(desk.at, stranger, method, &path, &Value::Null).await;
            assert_eq!(answer.status, 401, "{method} {path} by {stranger}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        for (scope, workspace, text) in &roles {
            let fits =
                matches!(entry.scope, Scope::Any) || [entry.scope, Scope::Admin].contains(scope);
            let allowed = fits && !(entry.global && workspace.is_some());
            let answer = with(desk.at, text, method, &path, &Value::Null).await;
            let status = answer.status.as_u16();
            let who = format!("{method} {path} by {scope} in {workspace:?}: {}", answer.text);
            assert!(status != 401 && (status == 403) != allowed && status < 500, "{status} {who}");
        }
    }
}

/// What one workspace has.
struct Tenant {
    name: String,
    user: String,
    key: String,
    token: String,
    request: String,
    text: String,
}

impl Tenant {
    async fn new(desk: &Desk, i: usize) -> Self {
        let (name, user) = (format!("canary{i:02}"), format!("canary{i:02}-user"));
        desk.ask("POST", "/api/v1/workspaces", json!({"id": name})).await.of(201);
        let body = json!({"id": user, "workspace": name});
        desk.ask("POST", "/api/v1/users", body).await.of(201);
        let body = json!({"user": user, "name": format!("{name}-key")});
        let key = desk.ask("POST", "/api/v1/keys", body).await.of(201);
        let request = desk.call(&key, "gpt-5", 1_000_000).await.to_string();
        let key = key["id"].as_str().unwrap().to_owned();
        let (token, text) = token(desk, &["admin"], Some(&name)).await;
        Self { name, user, key, token, request, text }
    }

    /// The path of an operation on something of this tenant; `None` where it has no such thing.
    fn path(&self, entry: &Entry) -> Option<String> {
        let own = match entry.path.strip_prefix("/api/v1/")?.split('/').next()? {
            "users" => &self.user,
            "keys" => &self.key,
            "workspaces" => &self.name,
            "admin-tokens" => &self.token,
            "requests" => &self.request,
            "limits" => &format!("user:{}", self.user),
            _ => return None,
        };
        entry.path.contains('{').then(|| filled(entry, |_| own.clone()))
    }
}

/// A body that an operation takes, so that it is refused for no other reason than whose it is.
fn body(entry: &Entry) -> Value {
    match entry.said.takes {
        None => Value::Null,
        Some("AccountChange" | "KeyChange" | "UserChange") => json!({"name": "taken over"}),
        Some("LimitsChange") => json!({"limits": ["1usd/day"]}),
        Some("NewBump") => json!({"amount": "+1usd", "for": "1h"}),
        Some(_) => json!({}),
    }
}

/// Bodies that name something of another tenant.
fn naming(other: &Tenant) -> BTreeMap<&'static str, Vec<Value>> {
    let (name, user, key) = (&other.name, &other.user, &other.key);
    BTreeMap::from([
        ("/api/v1/users", vec![json!({"id": "new", "workspace": name})]),
        ("/api/v1/keys", vec![json!({"user": user})]),
        (
            "/api/v1/admin-tokens",
            vec![json!({"name": "x", "scopes": ["users:read"], "workspace": name})],
        ),
        (
            "/api/v1/usage-events",
            vec![json!({"id": "event-1", "user": user}), json!({"id": "event-1", "key": key})],
        ),
        (
            "/api/quota/reset",
            [format!("user:{user}"), format!("key:{key}"), format!("workspace:{name}")]
                .map(|account| json!({"account": account}))
                .to_vec(),
        ),
    ])
}

/// What an answer says of others than `own`.
fn foreign(text: &str, own: &Tenant, all: &[Tenant]) -> Vec<String> {
    let others = all.iter().filter(|tenant| tenant.name != own.name);
    let names = others.flat_map(|t| [&t.name, &t.key, &t.token, &t.request]);
    names.filter(|name| text.contains(name.as_str())).cloned().collect()
}

#[tokio::test]
async fn twenty_workspaces_see_nothing_of_each_other() {
    let desk = Desk::guarded("", patient()).await;
    let mut tenants = Vec::new();
    for i in 0..20 {
        tenants.push(Tenant::new(&desk, i).await);
    }
    let before = desk.get("/api/v1/users?limit=200").await.text;
    let mut asked = 0;
    for (i, own) in tenants.iter().enumerate() {
        let other = &tenants[(i + 7) % tenants.len()];
        let browser = Browser::log_in(desk.at, &own.text).await;
        for entry in table().iter().filter(|entry| entry.scope != Scope::Public && !entry.own_door)
        {
            let method = entry.method.as_str();
            if let Some(path) = other.path(entry).filter(|_| !entry.global) {
                let answer = with(desk.at, &own.text, method, &path, &body(entry)).await;
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
                let answer = browser.ask(desk.at, method, &path, body(entry)).await;
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
            }
            for body in
                naming(other).get(entry.path).filter(|_| method == "POST").into_iter().flatten()
            {
                let answer = with(desk.at, &own.text, method, entry.path, body).await;
                assert_eq!(answer.status, 404, "{method} {} {body}: {}", entry.path, answer.text);
            }
            let is_project = entry.path.starts_with("/v1/organization");
            let list = filled(entry, |_| "completions".to_owned());
            for (name, value) in [("workspace", &other.name), ("user", &other.user)] {
                if entry.said.query.contains(&name) && !is_project && !list.contains("{") {
                    let path = format!("{list}?{name}={value}");
                    let answer = with(desk.at, &own.text, method, &path, &Value::Null).await;
                    assert_eq!(answer.status, 404, "{path}: {}", answer.text);
                }
            }
            if method == "GET" {
                let path = own.path(entry).unwrap_or_else(|| nowhere(entry));
                let mark = if is_project { "?start_time=1&group_by=project_id" } else { "" };
                let answer =
                    with(desk.at, &own.text, method, &format!("{path}{mark}"), &Value::Null).await;
                assert_eq!(
                    foreign(&answer.text, own, &tenants),
                    [""; 0],
                    "{path}: {}",
                    answer.text
                );
                asked += 1;
            }
        }
        let seen = with(desk.at, &own.text, "GET", "/api/v1/users", &Value::Null).await.of(200);
        assert_eq!(seen["data"].as_array().unwrap().len(), 1);
    }
    assert!(asked >= 20 * 20, "{asked}");
    assert_eq!(desk.get("/api/v1/users?limit=200").await.text, before, "something was changed");
    with(desk.at, TOKEN, "GET", "/api/v1/ledger/verify", &Value::Null).await.of(200);
}
