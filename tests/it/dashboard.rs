//! How the dashboard is served: its pages, its files, and what they may load. What the pages do is
//! tried in a browser: `tests/browser`.

use crate::control_desk::{Desk, raw};
use crate::identity_rig::{token, with};
use crate::program::Program;
use farebox::demo::provider::Simulated;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The most that all files take, compressed.
const MOST: usize = 300 * 1024;

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/control/dashboard/assets")
}

/// Every file that a browser may be given, by its name below `assets`.
fn files() -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![assets()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(assets()).unwrap().to_str().unwrap().to_owned();
            if [".js", ".css", ".svg", ".txt"].iter().any(|end| name.ends_with(end)) {
                found.push(name);
            }
        }
    }
    found
}

/// What stands between `/assets/` and the next slash.
fn version(page: &str) -> &str {
    page.split("/assets/").nth(1).and_then(|rest| rest.split('/').next()).unwrap()
}

#[tokio::test]
async fn r114_every_page_is_served_without_a_login_and_loads_nothing_of_others() {
    let desk = Desk::start().await;
    for path in ["/", "/login", "/users", "/users/alice", "/keys", "/providers", "/settings"] {
        let page = raw(desk.at, "GET", path, &[], "").await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'self'", "frame-ancestors 'none'", "object-src 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        assert!(!page.text.contains("VERSION") && !page.text.contains("//unpkg"), "{path}");
        assert!(!page.text.contains("style=") && !page.text.contains("<script>"), "{path}");
        let tag = page.headers["etag"].to_str().unwrap();
        let again = raw(desk.at, "GET", path, &[("if-none-match", tag)], "").await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    }
    for path in ["/dashboard", "/dashboard/"] {
        let led = raw(desk.at, "GET", path, &[], "").await;
        assert_eq!((led.status.as_u16(), &led.headers["location"]), (307, &"/".parse().unwrap()));
    }
}

#[tokio::test]
async fn r114_files_are_kept_for_ever_under_the_version_of_their_content() {
    let desk = Desk::start().await;
    let page = raw(desk.at, "GET", "/", &[], "").await.text;
    let version = version(&page);
    let mut total = 0;
    for name in files() {
        let zipped = [("accept-encoding", "gzip, br")];
        let path = format!("/assets/{version}/{name}");
        let file = raw(desk.at, "HEAD", &path, &zipped, "").await;
        assert_eq!(file.status, 200, "{path}");
        assert_eq!(file.headers["content-encoding"], "gzip");
        assert_eq!(file.headers["cache-control"], "public, max-age=31536000, immutable");
        total += file.headers["content-length"].to_str().unwrap().parse::<usize>().unwrap();
        let plain = raw(desk.at, "GET", &path, &[], "").await;
        assert_eq!(plain.text, fs::read_to_string(assets().join(&name)).unwrap(), "{name}");
        let old = raw(desk.at, "GET", &format!("/assets/0/{name}"), &[], "").await;
        assert_eq!(old.headers["cache-control"], "no-cache");
    }
    println!("the dashboard takes {total} bytes, compressed");
    assert!(total <= MOST, "{total} bytes are more than {MOST}");
    for missing in
        ["lib/none.js", "index.html", "vendor/SHA256SUMS", "..%2fmod.rs", "%2e%2e/mod.rs"]
    {
        let path = format!("/assets/{version}/{missing}");
        assert_eq!(raw(desk.at, "GET", &path, &[], "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn r106_how_somebody_wants_the_dashboard_is_kept_for_him_alone() {
    let desk = Desk::start().await;
    let path = "/api/v1/preferences";
    let never = json!({"theme": null, "toasts": null});
    assert_eq!(desk.ask("GET", path, Value::Null).await.of(200), never);
    let wanted = json!({"theme": "dark", "toasts": "off"});
    assert_eq!(desk.ask("PUT", path, wanted.clone()).await.of(200), wanted);
    assert_eq!(desk.ask("GET", path, Value::Null).await.of(200), wanted);
    let (_, other) = token(&desk, &["users:read"], None).await;
    assert_eq!(with(desk.at, &other, "GET", path, &Value::Null).await.of(200), never);
    let refused = desk.ask("PUT", path, json!({"theme": "pink", "sound": true})).await.of(422);
    let text = refused.to_string();
    assert!(text.contains("pink") && text.contains("system, light, dark"), "{text}");
    assert!(text.contains("/sound"), "{text}");
    assert_eq!(desk.ask("GET", path, Value::Null).await.of(200), wanted);
}

#[tokio::test]
async fn r102_users_are_searched_by_id_and_name() {
    let desk = Desk::start().await;
    for (id, name) in [("alice", "Alice Example"), ("bob", "Robert"), ("carol", "ALICIA")] {
        desk.ask("POST", "/api/v1/users", json!({"id": id, "name": name})).await.of(201);
    }
    let found = async |query: &str| -> Vec<String> {
        let page = desk.get(&format!("/api/v1/users?{query}")).await.of(200);
        let users = page["data"].as_array().unwrap();
        users.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("search=ali").await, ["alice", "carol"]);
    assert_eq!(found("search=ROB").await, ["bob"]);
    assert_eq!(found("search=ali&status=suspended").await, Vec::<String>::new());
    assert_eq!(found("search=e&sort=-name").await, ["bob", "alice"]);
    let refused = desk.get("/api/v1/keys?search=ali").await;
    assert_eq!(refused.status, 422, "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn r115_the_page_for_owners_of_keys_is_on_the_data_listener() {
    let simulated = Simulated::start(None).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let upstream = format!("openai={}", simulated.base_url());
    let environment = [("OPENAI_API_KEY", "sk-x")];
    let program = Program::serve(dir.path(), &["--upstream", &upstream], &environment);
    let page = raw(program.data, "GET", "/me", &[], "").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("'self'"));
    let script = format!("/assets/{}/me.js", version(&page.text));
    let script = raw(program.data, "GET", &script, &[], "").await;
    assert!(script.text.contains("/v1/key"), "{}", script.text);
    let posted = raw(program.data, "POST", "/me", &[], "{}").await;
    assert!(posted.status.is_client_error(), "{}", posted.text);
}
