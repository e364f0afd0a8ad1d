//! A mail over SMTP, on a connection of its own.
//!
//! Invariant: a server that shall speak TLS and does not gets neither a password nor a mail.

use super::super::message::{Mail, Tls};
use super::super::outcome::Outcome;
use super::{CONNECT_LIMIT, Outgoing, later};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;

/// How a password is told, on whichever the server takes.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

impl Outgoing {
    pub(super) async fn mail(&self, mail: &Mail) -> Result<Outcome, Outcome> {
        let host = mail.host.as_str();
        let told = |error: Error| said(host, &error);
        let addresses = self.addresses(host, mail.port).await?;
        let tls = match mail.tls {
            Tls::None => None,
            Tls::StartTls | Tls::Implicit => Some(self.parameters(host).map_err(told)?),
        };
        let at_once = tls.clone().filter(|_| mail.tls == Tls::Implicit);
        let hello = ClientId::Domain(mail.mail_domain());
        let server = addresses.as_slice();
        let opened =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_LIMIT), &hello, at_once, None)
                .await;
        let mut connection = opened.map_err(told)?;
        if let Some(tls) = tls.filter(|_| mail.tls == Tls::StartTls) {
            if !connection.can_starttls() {
                let why = format!("{host} does not offer STARTTLS; see tls of the channel");
                return Err(Outcome::Failed { why });
            }
            connection.starttls(tls, &hello).await.map_err(told)?;
        }
        if let Some((name, password)) = &mail.credentials {
            let password = password.expose_secret().to_owned();
            let credentials = Credentials::new(name.clone(), password);
            connection.auth(&MECHANISMS, &credentials).await.map_err(told)?;
        }
        connection.send(mail.mail.envelope(), &mail.mail.formatted()).await.map_err(told)?;
        // The mail is taken; a farewell that fails changes nothing.
        let _ = connection.quit().await;
        Ok(Outcome::Delivered)
    }

    /// The same trust as for posts.
    fn parameters(&self, host: &str) -> Result<TlsParameters, Error> {
        let mut builder = TlsParameters::builder(host.to_owned())
            .certificate_store(CertificateStore::WebpkiRoots);
        for certificate in &self.authorities {
            builder = builder.add_root_certificate(Certificate::from_der(certificate.to_vec())?);
        }
        builder.build_rustls()
    }
}

impl Mail {
    /// The sender's domain, by which the server is greeted.
    fn mail_domain(&self) -> String {
        let from = self.mail.envelope().from();
        from.map_or_else(|| "localhost".to_owned(), |address| address.domain().to_owned())
    }
}

/// What a failure means. The server's words are not repeated.
fn said(host: &str, error: &Error) -> Outcome {
    let code = error.status().map(|code| code.to_string());
    let shown = code.as_deref().unwrap_or("an error");
    if error.is_permanent() {
        let hint = match shown {
            "530" | "534" | "535" | "538" => ": see username, password and tls of the channel",
            "550" | "551" | "553" => ": it does not take mail for a recipient or from the sender",
            _ => "",
        };
        return Outcome::Failed { why: format!("{host} answered {shown}{hint}") };
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match code {
        Some(code) => later(host, format_args!("it answered {code}")),
        None if error.is_response() => later(host, "it does not speak SMTP"),
        None => later(host, cause),
    }
}
