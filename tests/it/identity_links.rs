//! Links that sign a browser in, once: rights, races, expiry, and what the program prints.

use crate::control_desk::{Answer, Desk, TOKEN, raw};
use crate::identity_rig::{Browser, token, with};
use crate::program::Program;
use crate::redis_server::RedisServer;
use serde_json::{Value, json};
use std::net::SocketAddr;

const LINKS: &str = "/api/v1/sign-in-links";
const SESSION: &str = "/api/v1/session";
const MINUTE: i64 = 60_000;

/// A new link, made with a token: what stands in it.
async fn link(at: SocketAddr, token: &str) -> String {
    let made = with(at, token, "POST", LINKS, &json!({})).await;
    assert_eq!(made.headers["cache-control"], "no-store");
    made.of(201)["once"].as_str().unwrap().to_owned()
}

/// What the page of a link does.
async fn open(at: SocketAddr, once: &str, headers: &[(&str, &str)]) -> Answer {
    raw(at, "POST", SESSION, headers, json!({"once": once}).to_string()).await
}

fn browser(opened: Answer) -> Browser {
    let cookie = opened.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let cookie = cookie.to_owned();
    Browser { cookie, csrf: opened.of(200)["csrf_token"].as_str().unwrap().to_owned() }
}

#[tokio::test]
async fn a_link_opens_once_with_the_rights_of_its_maker() {
    let desk = Desk::start().await;
    let made = desk.ask("POST", LINKS, json!({})).await.of(201);
    assert_eq!(made["expires_at"], "2026-11-24T21:28:36Z");
    let once = made["once"].as_str().unwrap();
    assert_eq!(once.len(), 43);
    let opened = open(desk.at, once, &[]).await;
    let cookie = opened.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200"), "{cookie}");
    let said = opened.json();
    assert_eq!((&said["name"], &said["scopes"]), (&json!("admin"), &json!(["admin"])));
    let operator = browser(opened);
    operator.ask(desk.at, "POST", "/api/v1/users", json!({"id": "alice"})).await.of(201);
    let again = open(desk.at, once, &[]).await;
    assert_eq!(again.headers["www-authenticate"], "Bearer");
    let said = again.of(401)["detail"].as_str().unwrap().to_owned();
    assert!(said.contains("used before") && said.contains("`farebox dashboard`"), "{said}");

    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    let (id, text) = token(&desk, &["users:read"], Some("eng")).await;
    let reader = browser(open(desk.at, &link(desk.at, &text).await, &[]).await);
    let said = reader.ask(desk.at, "GET", SESSION, Value::Null).await.of(200);
    assert_eq!((&said["scopes"], &said["workspace"]), (&json!(["users:read"]), &json!("eng")));
    assert_eq!(said["name"], format!("token:{id}"));
    reader.ask(desk.at, "POST", "/api/v1/users", json!({"id": "bob"})).await.of(403);
    let path = format!("/api/v1/admin-tokens/{id}");
    desk.ask("DELETE", &path, Value::Null).await.of(204);
    reader.ask(desk.at, "GET", SESSION, Value::Null).await.of(401);
}

#[tokio::test]
async fn of_all_who_come_with_a_link_one_gets_in() {
    let desk = Desk::start().await;
    let once = link(desk.at, TOKEN).await;
    let many = (0..8).map(|_| {
        let (at, once) = (desk.at, once.clone());
        tokio::spawn(async move { open(at, &once, &[]).await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for one in many.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401]);
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_its_token() {
    let desk = Desk::start().await;
    let (in_time, late) = (link(desk.at, TOKEN).await, link(desk.at, TOKEN).await);
    desk.clock.advance(15 * MINUTE - 1);
    open(desk.at, &in_time, &[]).await.of(200);
    desk.clock.advance(1);
    open(desk.at, &late, &[]).await.of(401);

    // Not after the token that made it.
    let body = json!({"name": "brief", "scopes": ["users:read"], "expires_in": "5m"});
    let made = desk.ask("POST", "/api/v1/admin-tokens", body).await.of(201);
    let text = made["token"].as_str().unwrap();
    let of_it = with(desk.at, text, "POST", LINKS, &json!({})).await.of(201);
    assert_eq!(of_it["expires_at"], made["expires_at"]);
    // A new text of the token ends what was made with the old one, once the grace is over.
    let (id, text) = token(&desk, &["users:read"], None).await;
    let (first, second) = (link(desk.at, &text).await, link(desk.at, &text).await);
    let path = format!("/api/v1/admin-tokens/{id}/rotate");
    desk.ask("POST", &path, json!({"grace": "1m"})).await.of(200);
    let in_grace = browser(open(desk.at, &first, &[]).await);
    in_grace.ask(desk.at, "GET", SESSION, Value::Null).await.of(200);
    desk.clock.advance(MINUTE);
    in_grace.ask(desk.at, "GET", SESSION, Value::Null).await.of(401);
    open(desk.at, &second, &[]).await.of(401);
}

#[tokio::test]
async fn links_are_made_with_tokens_only_and_opened_by_our_own_pages() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await["key"].as_str().unwrap().to_owned();
    for stranger in ["", "wrong", &key] {
        with(desk.at, stranger, "POST", LINKS, &json!({})).await.of(401);
    }
    let logged_in = Browser::log_in(desk.at, TOKEN).await;
    let refused = logged_in.ask(desk.at, "POST", LINKS, json!({})).await.of(403);
    assert!(refused["detail"].as_str().unwrap().contains("with a token"), "{refused}");
    desk.ask("POST", LINKS, json!({"life": "1y"})).await.of(422);

    let once = link(desk.at, TOKEN).await;
    for origin in ["https://evil.example", "null"] {
        open(desk.at, &once, &[("origin", origin)]).await.of(403);
    }
    let both = json!({"once": once, "token": TOKEN}).to_string();
    let refused = raw(desk.at, "POST", SESSION, &[], both).await;
    assert!(!refused.text.contains(&once) && !refused.text.contains(TOKEN), "{}", refused.text);
    assert_eq!(refused.of(422)["errors"][0]["pointer"], "/token");
    for body in [json!({"once": 5}), json!({"once": "x".repeat(1001)})] {
        raw(desk.at, "POST", SESSION, &[], body.to_string()).await.of(422);
    }
    let own = format!("http://{}", desk.at);
    open(desk.at, &once, &[("origin", &own)]).await.of(200);

    // Wrong ones lock an address out as wrong tokens do; the right one is still good afterwards.
    let once = link(desk.at, TOKEN).await;
    for i in 0..10 {
        let answer = open(desk.at, &format!("canary-{i}"), &[]).await;
        assert!(!answer.text.contains("canary"), "{}", answer.text);
        answer.of(401);
    }
    assert_eq!(open(desk.at, &once, &[]).await.status, 429);
    desk.clock.advance(6_000);
    open(desk.at, &once, &[]).await.of(200);
}

#[tokio::test]
async fn no_token_uses_up_the_links_of_all() {
    let desk = Desk::start().await;
    let (_, text) = token(&desk, &["users:read"], None).await;
    for _ in 0..10 {
        link(desk.at, &text).await;
    }
    let refused = with(desk.at, &text, "POST", LINKS, &json!({})).await;
    assert_eq!(refused.headers["retry-after"], "6");
    let said = refused.of(429)["detail"].as_str().unwrap().to_owned();
    assert!(said.contains("more than 10 sign-in links a minute"), "{said}");
    link(desk.at, TOKEN).await;
    desk.clock.advance(6_000);
    link(desk.at, &text).await;
}

/// What stands in the link that was printed, if there is one.
fn printed(greeting: &str) -> Option<String> {
    let (_, rest) = greeting.split_once("/login#once=")?;
    Some(rest.split_whitespace().next().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_run_prints_a_link_and_the_verb_another() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::serve(dir.path(), &[], &[]);
    let once = printed(&program.greeting).unwrap();
    assert_eq!(once.len(), 43);
    open(program.admin, &once, &[]).await.of(200);
    open(program.admin, &once, &[]).await.of(401);

    let output = program.verb(dir.path(), &["dashboard"]);
    let out = String::from_utf8(output.stdout).unwrap();
    let place = format!("http://{}/login#once=", program.admin);
    assert!(out.starts_with(&place) && out.lines().count() == 1, "{out}");
    let second = printed(&out).unwrap();
    let shown = program.json(dir.path(), &["dashboard"]);
    let third = printed(shown["link"].as_str().unwrap()).unwrap();
    assert!(shown["expires_at"].as_str().unwrap().ends_with('Z'), "{shown}");
    open(program.admin, &second, &[]).await.of(200);
    let log = program.log_text();
    assert!(log.contains("session.create") && log.contains("sign_in_link.create"), "{log}");
    for secret in [&once, &second, &third] {
        assert!(!log.contains(secret.as_str()), "a link is in the log");
    }
    program.terminate();

    // Later starts print none; what was made before still opens.
    let program = Program::serve(dir.path(), &[], &[]);
    assert_eq!(printed(&program.greeting), None, "{}", program.greeting);
    open(program.admin, &third, &[]).await.of(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_opens_at_every_proxy_of_the_ledger_and_at_one_of_them() {
    let server = RedisServer::start(&[]);
    let url = server.url();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let fleet = dirs.each_ref().map(|dir| {
        let token = [("FAREBOX_ADMIN_TOKEN", TOKEN)];
        Program::serve(dir.path(), &["--redis", &url], &token)
    });
    let once = link(fleet[0].admin, TOKEN).await;
    let kept = server.cli(&["--scan", "--pattern", "*sign-in-link*"]);
    assert!(!kept.contains(&once), "{kept}");
    let texts = kept.lines().filter(|name| server.cli(&["TYPE", name]).trim() == "hash");
    let [record] = texts.collect::<Vec<_>>()[..] else { panic!("{kept}") };
    let text = server.cli(&["HGETALL", record]);
    assert!(!text.contains(&once) && !text.contains(TOKEN), "{text}");
    let life: i64 = server.cli(&["PTTL", record]).trim().parse().unwrap();
    assert!((1..=15 * MINUTE).contains(&life), "{record} lasts {life} ms");
    let both = [fleet[0].admin, fleet[1].admin].map(|at| {
        let once = once.clone();
        tokio::spawn(async move { open(at, &once, &[]).await })
    });
    let mut got_in = Vec::new();
    for one in both {
        let answer = one.await.unwrap();
        match answer.status.as_u16() {
            200 => got_in.push(browser(answer)),
            status => assert_eq!(status, 401, "{}", answer.text),
        }
    }
    assert_eq!(got_in.len(), 1);
    for proxy in &fleet {
        got_in[0].ask(proxy.admin, "GET", SESSION, Value::Null).await.of(200);
    }
}
