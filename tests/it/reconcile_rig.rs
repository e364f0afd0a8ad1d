//! A provider, a proxy and an admin plane whose day is yesterday, so that reports that tell only
//! days that are over tell it; and `farebox reconcile` as a process.

use crate::control_desk::{TOKEN, serve};
use crate::program::farebox;
use crate::world::{Answer, LIMIT, PROVIDER_KEY, rules, send};
use farebox::clock::{Clock, rfc3339_seconds};
use farebox::demo::provider::{Setup, Simulated};
use farebox::ids::{AccountId, Id};
use farebox::ledger::{EmbeddedLedger, KeyFacts, NewAccount, Options, Reach, Registry};
use farebox::pricing::PriceTable;
use farebox::provider::{Credential, Provider, Providers, known};
use farebox::proxy::Proxy;
use farebox::secret::{SecretDigest, label, new_user_key};
use farebox::serve::{Bounds, Drain, Hands, bind, run};
use hyper::service::service_fn;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

/// The key that reads the provider's reports. It must never be seen anywhere else.
pub const ADMIN_KEY: &str = "sk-admin-canary-41c0";
pub const DAY: i64 = 86_400_000;

/// One of the three providers: its name, its key's variable, where its API is, where calls go.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    pub variable: &'static str,
    pub base: &'static str,
    /// The path of a call at the proxy and at the provider.
    pub paths: [&'static str; 2],
    pub models: [&'static str; 2],
}

pub const KINDS: [Kind; 3] = [
    Kind {
        name: "openai",
        variable: "OPENAI_ADMIN_KEY",
        base: "/v1",
        paths: ["/v1/chat/completions", "/v1/chat/completions"],
        models: ["gpt-5.4", "gpt-5-mini"],
    },
    Kind {
        name: "anthropic",
        variable: "ANTHROPIC_ADMIN_KEY",
        base: "",
        paths: ["/v1/messages", "/v1/messages"],
        models: ["claude-sonnet-4-5-20250929", "claude-haiku-4-5"],
    },
    Kind {
        name: "openrouter",
        variable: "OPENROUTER_PROVISIONING_KEY",
        base: "/openrouter/api/v1",
        paths: ["/openrouter/v1/chat/completions", "/openrouter/api/v1/chat/completions"],
        models: ["openai/gpt-5", "openai/gpt-5-mini"],
    },
];

pub struct Rig {
    pub kind: Kind,
    pub simulated: Simulated,
    /// Noon of yesterday, in UTC.
    pub noon: i64,
    clock: Clock,
    proxy: Arc<Proxy>,
    addr: SocketAddr,
    admin: SocketAddr,
    key: String,
    _drain: Drain,
    _dir: tempfile::TempDir,
}

/// What the verb printed, and its status.
#[derive(Debug)]
pub struct Printed {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Printed {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

impl Rig {
    pub async fn start(kind: Kind) -> Self {
        let noon = Clock::system().now().div_euclid(DAY) * DAY - DAY / 2;
        let clock = Clock::manual(noon);
        let setup = Setup {
            credential: Some(PROVIDER_KEY.to_owned()),
            admin_credential: Some(ADMIN_KEY.to_owned()),
            clock: clock.clone(),
            ..Setup::default()
        };
        let simulated = Simulated::set_up(setup).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let options = Options { clock: clock.clone(), background: false, ..Options::default() };
        let ledger = EmbeddedLedger::open(dir.path(), options).unwrap();
        let credential = Credential::new("main", PROVIDER_KEY.to_owned().into());
        let base_url = format!("http://{}{}", simulated.addr(), kind.base);
        let dialect = known(kind.name).unwrap().dialect;
        let provider = Provider::new(kind.name, dialect, base_url, vec![credential]);
        let proxy = Arc::new(
            Proxy::new(
                ledger.clone(),
                clock.clone(),
                Arc::new(PriceTable::builtin().unwrap()),
                Providers::new(vec![provider], vec![]),
                rules(),
            )
            .unwrap(),
        );
        let drain = Drain::default();
        let addr = serve_proxy(proxy.clone(), &drain).await;
        let key = user(&*ledger).await;
        let admin = serve(ledger.clone(), clock.clone(), Vec::new()).await;
        Self { kind, simulated, noon, clock, proxy, addr, admin, key, _drain: drain, _dir: dir }
    }

    /// A call through the proxy.
    pub async fn call(&self, model: &str, script: &str, rest: &str) {
        self.send(self.addr, self.kind.paths[0], &self.key, model, script, rest).await;
    }

    /// The same call straight at the provider.
    pub async fn bypass(&self, model: &str, script: &str, rest: &str) {
        let addr = self.simulated.addr();
        self.send(addr, self.kind.paths[1], PROVIDER_KEY, model, script, rest).await;
    }

    async fn send(
        &self,
        addr: SocketAddr,
        path: &str,
        key: &str,
        model: &str,
        script: &str,
        rest: &str,
    ) {
        let headers = format!("authorization: Bearer {key}\r\nx-simulate: {script}\r\n");
        let body = format!(
            r#"{{"model":"{model}","max_tokens":900,"messages":[{{"role":"user","content":"Hi."}}]{rest}}}"#
        );
        let answer = Answer::read(send(addr, path, &headers, &body).await).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    }

    /// Runs the verb from so many days before yesterday to the end of yesterday, with the right
    /// key.
    pub async fn reconcile(&self, days_before: i64, arguments: &[&str]) -> Printed {
        self.reconcile_with(days_before, arguments, ADMIN_KEY).await
    }

    pub async fn reconcile_with(&self, days_before: i64, arguments: &[&str], key: &str) -> Printed {
        tokio::time::timeout(LIMIT, self.proxy.settled()).await.unwrap();
        // The day of the calls is over.
        self.clock.advance(self.noon + DAY - self.clock.now());
        let morning = self.noon - DAY / 2;
        let since = rfc3339_seconds(morning - days_before * DAY);
        let until = rfc3339_seconds(morning + DAY);
        let url = format!("http://{}{}", self.simulated.addr(), self.kind.base);
        let admin = format!("http://{}", self.admin);
        let common = [
            "reconcile",
            "--provider",
            self.kind.name,
            "--provider-url",
            &url,
            "--since",
            &since,
            "--until",
            &until,
            "--admin-url",
            &admin,
        ];
        let environment = [(self.kind.variable, key), ("FAREBOX_ADMIN_TOKEN", TOKEN)];
        verb(&[&common, arguments].concat(), &environment)
    }

    /// The day of all calls.
    pub fn day(&self) -> String {
        rfc3339_seconds(self.noon)[..10].to_owned()
    }
}

/// Runs a verb to its end. No key is in what it prints.
pub fn verb(arguments: &[&str], environment: &[(&str, &str)]) -> Printed {
    let output = farebox(arguments, environment);
    let printed = Printed {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    for secret in [ADMIN_KEY, PROVIDER_KEY, TOKEN] {
        assert!(!printed.out.contains(secret) && !printed.err.contains(secret), "{printed:?}");
    }
    printed
}

async fn serve_proxy(proxy: Arc<Proxy>, drain: &Drain) -> SocketAddr {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let service = service_fn(move |request| {
        let proxy = proxy.clone();
        async move { Ok::<_, Infallible>(proxy.answer(request).await) }
    });
    let bounds = Arc::new(Bounds::default());
    tokio::spawn(run(listener, Hands::Here(service), None, bounds, drain.watch()));
    addr
}

/// A user without limits; a key of it.
async fn user(registry: &dyn Registry) -> String {
    let user: Id = "alice".parse().unwrap();
    let account = NewAccount {
        id: AccountId::user(&user),
        name: String::new(),
        workspace: Some("default".parse().unwrap()),
        limits: Some(vec![]),
        thresholds: None,
        enforcement: None,
        key: None,
    };
    registry.create(&account).await.unwrap();
    let key = new_user_key().expose_secret().to_owned();
    let digest = SecretDigest::of(&key);
    let facts = KeyFacts {
        digest,
        user,
        label: label(&key),
        models: Vec::new(),
        expires: None,
        reach: Reach::default(),
    };
    let id = AccountId::key(&digest.key_id().unwrap());
    registry.create(&NewAccount { id, key: Some(facts), ..account }).await.unwrap();
    key
}
