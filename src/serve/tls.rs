//! TLS of the listeners: one certificate, read again when its file changes.

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// A certificate and key that cannot be used.
#[derive(Debug)]
pub struct BadCertificate {
    path: PathBuf,
    why: String,
}

impl fmt::Display for BadCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use {} for TLS: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for BadCertificate {}

/// The TLS side of a listener. Clones share the certificate.
#[derive(Clone)]
pub struct Tls {
    current: Arc<ArcSwap<ServerConfig>>,
    cert: Arc<Path>,
    key: Arc<Path>,
}

impl Tls {
    /// Reads a certificate chain and its key, both PEM.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, BadCertificate> {
        let config = read(cert, key)?;
        Ok(Self {
            current: Arc::new(ArcSwap::from_pointee(config)),
            cert: cert.into(),
            key: key.into(),
        })
    }

    /// Reads the files again; on an error the old certificate stays.
    pub fn reload(&self) -> Result<(), BadCertificate> {
        self.current.store(Arc::new(read(&self.cert, &self.key)?));
        Ok(())
    }

    /// Reads the files again whenever the certificate's modification time changes; looks every
    /// ten seconds.
    pub async fn follow_files(self) {
        let modified = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
        let mut seen = modified(&self.cert);
        let mut tick = tokio::time::interval(std::time::Duration::from_secs(10));
        loop {
            tick.tick().await;
            let now = modified(&self.cert);
            if now == seen {
                continue;
            }
            seen = now;
            match self.reload() {
                Ok(()) => tracing::info!(cert = %self.cert.display(), "certificate reloaded"),
                Err(error) => tracing::error!(%error, "the old certificate stays in use"),
            }
        }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }
}

fn read(cert: &Path, key: &Path) -> Result<ServerConfig, BadCertificate> {
    let bad = |path: &Path, why: String| BadCertificate { path: path.to_owned(), why };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(|certs| certs.collect())
        .map_err(|e| bad(cert, e.to_string()))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| bad(key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(cert, e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|e| bad(cert, e.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
