//! A small world for tests of the data path: a simulated provider, a ledger, a proxy on real
//! sockets, and a client that sees raw bytes.

use farebox::clock::Clock;
use farebox::demo::provider::Simulated;
use farebox::ids::{AccountId, Id};
use farebox::ledger::{
    Account, Change, EmbeddedLedger, Enforcement, EventQuery, KeyFacts, Ledger, NewAccount,
    Options, Reach, Registry, UsageEvent,
};
use farebox::pricing::PriceTable;
use farebox::provider::{Credential, Dialect, ModelRoute, Provider, Providers};
use farebox::proxy::{Disconnect, OnExhausted, Proxy, Rules, Unpriced, UpstreamBounds};
use farebox::secret::{SecretDigest, label, new_user_key};
use farebox::serve::{Bounds, Drain, Hands, bind, run};
use hyper::service::service_fn;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest that anything in here may take.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The key that the provider accepts. It must never be seen anywhere else.
pub const PROVIDER_KEY: &str = "sk-provider-canary-7f3a";

pub const CHAT: &str = "/v1/chat/completions";

pub struct World {
    pub simulated: Simulated,
    pub ledger: Arc<EmbeddedLedger>,
    pub proxy: Arc<Proxy>,
    pub addr: SocketAddr,
    providers: Providers,
    /// The key of the user `alice`.
    pub key: String,
    drain: Drain,
    _dir: tempfile::TempDir,
}

pub fn rules() -> Rules {
    Rules {
        json_bytes: 1 << 20,
        upload_bytes: 4 << 20,
        body_pause: Duration::from_secs(5),
        answer_pause: Duration::from_secs(5),
        upstream: UpstreamBounds {
            first_byte: Duration::from_secs(5),
            ..UpstreamBounds::default()
        },
        on_exhausted: OnExhausted::Finish,
        on_disconnect: Disconnect::Auto,
        drain: Duration::from_secs(5),
        forward_unmetered: false,
        unpriced: Unpriced::Reject,
    }
}

impl World {
    /// Alice may spend what `limits` say.
    pub async fn new(limits: &[&str]) -> Self {
        Self::with(limits, rules()).await
    }

    pub async fn with(limits: &[&str], rules: Rules) -> Self {
        let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
        let base_url = simulated.base_url();
        Self::against(simulated, base_url, PROVIDER_KEY, limits, rules).await
    }

    /// A world whose provider is elsewhere, or has another credential.
    pub async fn against(
        simulated: Simulated,
        base_url: String,
        credential: &str,
        limits: &[&str],
        rules: Rules,
    ) -> Self {
        let credential = Credential::new("openai-main", credential.to_owned().into());
        let provider = Provider::new("openai", Dialect::OpenAi, base_url, vec![credential]);
        let provider = Provider { cancel_stops_billing: true, ..provider };
        Self::served_by(simulated, provider, limits, rules).await
    }

    /// A world with another provider.
    pub async fn served_by(
        simulated: Simulated,
        provider: Provider,
        limits: &[&str],
        rules: Rules,
    ) -> Self {
        Self::served_by_all(simulated, vec![provider], limits, rules).await
    }

    /// A world with several providers.
    pub async fn served_by_all(
        simulated: Simulated,
        providers: Vec<Provider>,
        limits: &[&str],
        rules: Rules,
    ) -> Self {
        let table = PriceTable::builtin().unwrap();
        Self::priced(table, simulated, providers, limits, rules).await
    }

    /// A world with prices of its own.
    pub async fn priced(
        table: PriceTable,
        simulated: Simulated,
        providers: Vec<Provider>,
        limits: &[&str],
        rules: Rules,
    ) -> Self {
        let route = ModelRoute {
            models: vec!["never-*".to_owned()],
            provider: "openai".to_owned(),
            fallbacks: Vec::new(),
        };
        let providers = Providers::new(providers, vec![route]);
        Self::routed(Clock::system(), table, simulated, providers, limits, rules).await
    }

    /// A world with routes and a clock of its own.
    pub async fn routed(
        clock: Clock,
        table: PriceTable,
        simulated: Simulated,
        providers: Providers,
        limits: &[&str],
        rules: Rules,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { clock: clock.clone(), ..Options::default() };
        let ledger = EmbeddedLedger::open(dir.path(), options).unwrap();
        let all = providers.clone();
        let proxy = Proxy::new(ledger.clone(), clock, Arc::new(table), providers, rules);
        let proxy = Arc::new(proxy.unwrap());
        let drain = Drain::default();
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let answering = proxy.clone();
        let service = service_fn(move |request| {
            let proxy = answering.clone();
            async move { Ok::<_, Infallible>(proxy.answer(request).await) }
        });
        tokio::spawn(run(
            listener,
            Hands::Here(service),
            None,
            Arc::new(Bounds::default()),
            drain.watch(),
        ));
        let mut world = Self {
            simulated,
            ledger,
            proxy,
            addr,
            providers: all,
            key: String::new(),
            drain,
            _dir: dir,
        };
        world.key = world.user("alice", limits, None, &[]).await;
        world
    }

    /// Creates a user and a key of it; the key.
    pub async fn user(
        &self,
        name: &str,
        limits: &[&str],
        enforcement: Option<Enforcement>,
        models: &[&str],
    ) -> String {
        self.user_of(name, "default", limits, enforcement, models).await
    }

    /// Another workspace, without limits.
    pub async fn workspace(&self, id: &str) {
        let id: Id = id.parse().unwrap();
        let workspace = NewAccount {
            id: AccountId::workspace(&id),
            name: String::new(),
            workspace: None,
            limits: Some(Vec::new()),
            thresholds: None,
            enforcement: None,
            key: None,
        };
        self.ledger.create(&workspace).await.unwrap();
    }

    /// The same in another workspace.
    pub async fn user_of(
        &self,
        name: &str,
        workspace: &str,
        limits: &[&str],
        enforcement: Option<Enforcement>,
        models: &[&str],
    ) -> String {
        let user: Id = name.parse().unwrap();
        let account = NewAccount {
            id: AccountId::user(&user),
            name: String::new(),
            workspace: Some(workspace.parse().unwrap()),
            limits: Some(limits.iter().map(|text| text.parse().unwrap()).collect()),
            thresholds: None,
            enforcement,
            key: None,
        };
        self.ledger.create(&account).await.unwrap();
        let key = new_user_key().expose_secret().to_owned();
        let digest = SecretDigest::of(&key);
        let facts = KeyFacts {
            digest,
            user,
            label: label(&key),
            models: models.iter().map(|glob| (*glob).to_owned()).collect(),
            expires: None,
            reach: Reach::default(),
        };
        let id = AccountId::key(&digest.key_id().unwrap());
        let account = NewAccount { id, limits: Some(vec![]), key: Some(facts), ..account };
        self.ledger.create(&account).await.unwrap();
        key
    }

    pub async fn account(&self, name: &str) -> Account {
        self.ledger.account(&name.parse().unwrap()).await.unwrap().unwrap()
    }

    pub async fn change(&self, name: &str, change: Change) {
        self.ledger.change(&name.parse().unwrap(), &change).await.unwrap();
    }

    /// Every event, newest first, after every open tab has ended.
    pub async fn events(&self) -> Vec<UsageEvent> {
        tokio::time::timeout(LIMIT, self.proxy.settled()).await.unwrap();
        let query = EventQuery { limit: 200, ..EventQuery::default() };
        self.ledger.events(&query).await.unwrap().entries
    }

    /// The one event that there is; no money is held any more and the ledger is consistent.
    pub async fn only_event(&self) -> UsageEvent {
        let mut events = self.events().await;
        assert_eq!(events.len(), 1, "{events:#?}");
        self.nothing_held().await;
        events.remove(0)
    }

    /// Nothing was charged or is held, and nothing is remembered of any call.
    pub async fn untouched(&self) {
        assert_eq!(self.events().await, vec![]);
        self.nothing_held().await;
        let alice = self.account("user:alice").await;
        assert_eq!((alice.total_usd.get(), alice.total_tokens), (0, 0));
    }

    pub async fn nothing_held(&self) {
        for name in ["user:alice", "workspace:default"] {
            assert_eq!(self.account(name).await.held_usd.get(), 0, "{name}");
        }
        let found = self.ledger.verify().await.unwrap();
        assert_eq!(found.violations, Vec::<String>::new());
    }

    /// Makes a call through the proxy with Alice's key.
    pub async fn call(&self, path: &str, headers: &str, body: &str) -> Answer {
        let key = self.key.clone();
        self.call_as(&key, path, headers, body).await
    }

    pub async fn call_as(&self, key: &str, path: &str, headers: &str, body: &str) -> Answer {
        let headers = format!("authorization: Bearer {key}\r\n{headers}");
        Answer::read(send(self.addr, path, &headers, body).await).await
    }

    /// Makes the same call at the provider itself.
    pub async fn direct(&self, path: &str, headers: &str, body: &str) -> Answer {
        let headers = format!("authorization: Bearer {PROVIDER_KEY}\r\n{headers}");
        Answer::read(send(self.simulated.addr(), path, &headers, body).await).await
    }

    /// Sends a call and leaves the answer unread.
    pub async fn begin(&self, path: &str, headers: &str, body: &str) -> TcpStream {
        let headers = format!("authorization: Bearer {}\r\n{headers}", self.key);
        send(self.addr, path, &headers, body).await
    }

    /// Begins the drain; whether everything ended in time.
    pub async fn stop(&self) -> bool {
        self.proxy.stop();
        self.drain.begin();
        self.drain.finish(LIMIT).await
    }

    /// Forgets what providers said of their credentials, as an operator does.
    pub fn enable_all(&self) {
        let credentials = self.providers.iter().flat_map(|provider| &provider.credentials);
        credentials.for_each(|credential| credential.health.enable());
    }

    /// How often the provider was called.
    pub fn provider_calls(&self) -> u64 {
        self.simulated.bill().calls()
    }

    /// Whether the ledger's side can be used at all.
    pub fn fault(&self) -> Option<String> {
        self.ledger.fault()
    }
}

/// Sends one HTTP/1.1 request on a connection of its own.
pub async fn send(addr: SocketAddr, path: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let method = if body.is_empty() { "GET" } else { "POST" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    stream
}

/// A chat request; `rest` begins with a comma or is empty.
pub fn chat(model: &str, rest: &str) -> String {
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"Say hello."}}]{rest}}}"#)
}

#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
    /// The body came to its proper end.
    pub whole: bool,
}

impl Answer {
    pub async fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A reset counts as an end that came too early.
        let _ = tokio::time::timeout(LIMIT, stream.read_to_end(&mut bytes)).await.unwrap();
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let rest = &bytes[end + 4..];
        let (body, whole) = if head.to_lowercase().contains("transfer-encoding: chunked") {
            unchunked(rest)
        } else {
            let length = header_of(&head, "content-length").map(|v| v.parse::<usize>().unwrap());
            (rest.to_vec(), length.is_none_or(|n| n == rest.len()))
        };
        Self { head, body, whole }
    }

    pub fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        header_of(&self.head, name)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of an OpenAI error object.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

fn header_of(head: &str, name: &str) -> Option<String> {
    let line = head
        .lines()
        .skip(1)
        .find(|line| line.split_once(':').is_some_and(|(n, _)| n.eq_ignore_ascii_case(name)))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The body of chunks, and whether the last one came.
fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return (body, true);
        }
        if rest.len() < size + 2 {
            break;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
    body.extend_from_slice(rest);
    (body, false)
}
