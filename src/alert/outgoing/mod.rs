//! Sends one message to an address that was checked.
//!
//! Invariants: a name is resolved once for each message, and what is connected to is one of the
//! addresses that came out and may be reached. TLS is verified against the name. Nothing follows a
//! redirect or a proxy. Every message has a time limit and every answer a size.

mod command;
mod http_post;
mod names;
mod smtp;

pub use names::Names;

use super::address::Allowed;
use super::message::Message;
use super::outcome::Outcome;
use crate::clock::Clock;
use names::SystemNames;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a post may take, and a mail, whose server may greet slowly.
const POST_LIMIT: Duration = Duration::from_secs(10);
const MAIL_LIMIT: Duration = Duration::from_secs(30);
/// How long a command may run.
const RUN_LIMIT: Duration = Duration::from_secs(10);

/// How long one address of a name may take to be connected to.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// So many addresses of a name are tried.
const MOST_ADDRESSES: usize = 4;

/// What sends messages.
#[derive(Clone)]
pub struct Outgoing {
    allowed: Allowed,
    names: Arc<dyn Names>,
    authorities: Vec<CertificateDer<'static>>,
    tls: Arc<ClientConfig>,
    clock: Clock,
}

impl Outgoing {
    /// One that reaches the public internet and what is allowed, and trusts the public
    /// authorities.
    pub fn new(allowed: Allowed, clock: Clock) -> Result<Self, rustls::Error> {
        let tls = tls(&[])?;
        Ok(Self { allowed, names: Arc::new(SystemNames), authorities: Vec::new(), tls, clock })
    }

    /// The same with other names.
    #[must_use]
    pub fn resolving(self, names: impl Names + 'static) -> Self {
        Self { names: Arc::new(names), ..self }
    }

    /// The same, which also trusts a certificate.
    pub fn trusting(mut self, certificate: CertificateDer<'static>) -> Result<Self, rustls::Error> {
        self.authorities.push(certificate);
        let tls = tls(&self.authorities)?;
        Ok(Self { tls, ..self })
    }

    /// Sends a message and tells how that ended. Never fails, never waits longer than 30 seconds.
    pub async fn send(&self, message: &Message) -> Outcome {
        let (host, limit) = match message {
            Message::Post(post) => (post.to.host(), POST_LIMIT),
            Message::Mail(mail) => (mail.host.as_str(), MAIL_LIMIT),
            Message::Run(run) => (command::program(run), RUN_LIMIT),
        };
        let sent = async {
            match message {
                Message::Post(post) => self.post(post).await,
                Message::Mail(mail) => self.mail(mail).await,
                Message::Run(run) => command::run(run).await,
            }
        };
        match timeout(limit, sent).await {
            Ok(Ok(outcome) | Err(outcome)) => outcome,
            Err(_) => later(host, format_args!("no answer within {} s", limit.as_secs())),
        }
    }

    /// The addresses of a host that may be connected to: one at least.
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Outcome> {
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.names.resolve(host).await.map_err(|error| later(host, error))?,
        };
        let may = found.iter().filter(|address| self.allowed.permits(**address));
        let addresses: Vec<_> =
            may.take(MOST_ADDRESSES).map(|address| SocketAddr::new(*address, port)).collect();
        match (addresses.is_empty(), found.first()) {
            (false, _) => Ok(addresses),
            (true, None) => Err(later(host, "the name has no address")),
            (true, Some(address)) => {
                let why = format!("{host}: {}", Allowed::refusal(*address));
                Err(Outcome::Failed { why })
            }
        }
    }
}

/// A try that may go better later.
fn later(host: &str, why: impl std::fmt::Display) -> Outcome {
    Outcome::TryAgain { why: format!("{host}: {why}"), after: None }
}

/// The public authorities and some more.
fn tls(authorities: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in authorities {
        roots.add(certificate.clone())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
