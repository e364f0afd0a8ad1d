//! Exporting to PostgreSQL, over TLS where the server has it.
//!
//! Invariants: each batch is one statement, so it is there wholly or not at all. Every wait has an
//! end. The password is in no text.

use super::super::failure::{Exit, Failure};
use super::kept::Kept;
use super::sink::without_password;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

const CONNECT: Duration = Duration::from_secs(10);
const STATEMENT: Duration = Duration::from_secs(120);

/// A connection.
pub(super) struct Postgres {
    client: Client,
    shown: String,
}

impl Postgres {
    /// Connects. `PGPASSWORD` is the password of a URL without one.
    pub(super) async fn open(url: &str, authority: Option<&Path>) -> Result<Self, Failure> {
        let shown = without_password(url);
        let mut config: Config = url.parse().map_err(|why: tokio_postgres::Error| {
            let message = format!("`{shown}` is not the address of a PostgreSQL: {}", chain(&why));
            Failure::new(Exit::Usage, message)
                .hint("write postgres://USER@HOST/DATABASE; certificates are given with --ca")
        })?;
        if let (None, Ok(password)) = (config.get_password(), std::env::var("PGPASSWORD")) {
            config.password(password);
        }
        config.connect_timeout(CONNECT).application_name("farebox");
        let tls = MakeRustlsConnect::new(tls(authority)?);
        let away = |why: String| {
            Failure::new(Exit::Unavailable, format!("{shown} cannot be used: {why}"))
                .hint("is it running, and may this user connect? See also --ca and ?sslmode=")
        };
        let connected = tokio::time::timeout(CONNECT.saturating_mul(3), config.connect(tls)).await;
        let connected = connected.map_err(|_| away("it does not answer".to_owned()))?;
        let (client, connection) = connected.map_err(|why| away(chain(&why)))?;
        // What ends the connection is what the next statement says.
        tokio::spawn(connection);
        Ok(Self { client, shown })
    }

    pub(super) async fn prepare(&self, kept: &Kept) -> Result<(), Failure> {
        let asked = "SELECT to_regclass($1) IS NOT NULL";
        let there = self.done(self.client.query_one(asked, &[&kept.name])).await?;
        if !there.get::<_, bool>(0) {
            self.done(self.client.batch_execute(kept.ddl)).await?;
        }
        Ok(())
    }

    pub(super) async fn write(&self, kept: &Kept, rows: Vec<Value>) -> Result<u64, Failure> {
        let (statement, rows) = (kept.for_postgres(), Value::from(rows).to_string());
        self.done(self.client.execute(&statement, &[&rows])).await
    }

    async fn done<T>(
        &self,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(STATEMENT, asked).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(why)) => {
                let exit = if why.is_closed() { Exit::Unavailable } else { Exit::Failed };
                Err(Failure::new(exit, format!("{}: {}", self.shown, chain(&why))))
            }
            Err(_) => Err(Failure::new(
                Exit::Unavailable,
                format!("{} took longer than {} seconds", self.shown, STATEMENT.as_secs()),
            )),
        }
    }
}

fn tls(authority: Option<&Path>) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = authority {
        let bad = |why: String| Failure::new(Exit::Usage, format!("{}: {why}", path.display()));
        let read = CertificateDer::pem_file_iter(path).map_err(|why| bad(why.to_string()))?;
        for certificate in read {
            let certificate = certificate.map_err(|why| bad(why.to_string()))?;
            roots.add(certificate).map_err(|why| bad(why.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|why| Failure::new(Exit::Failed, format!("no TLS: {why}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let more = deeper.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = deeper.source();
    }
    text
}
