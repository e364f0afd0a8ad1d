//! Email: one mail in text and HTML to all recipients, handed to an SMTP server.
//!
//! Invariant: no text of an alert becomes markup or a header. Every retry has the same `Message-ID`.

use super::channel::HIDDEN;
use super::message::{Mail, Tls};
use super::notice::Notice;
use super::wording::Wording;
use super::written::{BadKey, Keys, bad};
use crate::clock::UnixMs;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const MOST_RECIPIENTS: usize = 50;
/// The longest mailbox.
const MAILBOX_CHARS: usize = 320;

const MODES: [(&str, Tls); 3] =
    [("none", Tls::None), ("starttls", Tls::StartTls), ("implicit", Tls::Implicit)];

/// A mail server, and who writes to whom.
#[derive(Debug, Clone)]
pub(super) struct Email {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<(String, SecretString)>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Email {
    pub(super) const KEYS: &[&str] = &["host", "port", "from", "to", "username", "password", "tls"];

    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, BadKey> {
        let tls = keys.text("tls")?.map(tls).transpose()?;
        let port = keys.number("port", u16::MAX.into())?;
        let port = port.map(u16::try_from).transpose().ok().filter(|port| *port != Some(0));
        let port = port.ok_or_else(|| bad("port", "it is not a number from 1 to 65535"))?;
        let tls = tls.unwrap_or(if port == Some(465) { Tls::Implicit } else { Tls::StartTls });
        let usual = match tls {
            Tls::None => 25,
            Tls::StartTls => 587,
            Tls::Implicit => 465,
        };
        let credentials = match (keys.text("username")?, keys.text("password")?) {
            (None, None) => None,
            (Some(name), Some(_)) => Some((name.to_owned(), keys.secret("password")?)),
            (Some(_), None) => return Err(bad("password", "it is missing beside the username")),
            (None, Some(_)) => return Err(bad("username", "it is missing beside the password")),
        };
        let to = keys.list("to", MOST_RECIPIENTS)?.ok_or_else(|| bad("to", "it is missing"))?;
        Ok(Self {
            host: keys.host("host")?,
            port: port.unwrap_or(usual),
            tls,
            credentials,
            from: mailbox("from", keys.needed("from")?)?,
            to: to.into_iter().map(|text| mailbox("to", text)).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn shown(&self) -> Value {
        let tls = MODES.iter().find(|(_, tls)| *tls == self.tls).map(|(word, _)| word);
        let to: Vec<_> = self.to.iter().map(ToString::to_string).collect();
        let mut shown = json!({
            "host": self.host, "port": self.port, "tls": tls,
            "from": self.from.to_string(), "to": to,
        });
        if let Some((name, _)) = &self.credentials {
            shown["username"] = name.as_str().into();
            shown["password"] = HIDDEN.into();
        }
        shown
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let password = |email: &Self| {
            email.credentials.as_ref().map(|(_, secret)| secret.expose_secret().to_owned())
        };
        password(self) == password(other)
    }

    /// The mail; `id` becomes its `Message-ID`.
    pub(super) fn mail(&self, notice: &Notice, id: &str, now: UnixMs) -> Result<Mail, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if id.is_empty() || !id.bytes().all(plain) {
            return Err("the id cannot stand in a header".to_owned());
        }
        let wording = Wording::of(notice);
        let seconds = u64::try_from(now.div_euclid(1000)).unwrap_or_default();
        let generated = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .subject(wording.title.as_str())
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .raw_header(HeaderValue::new(generated, "auto-generated".to_owned()));
        for mailbox in &self.to {
            builder = builder.to(mailbox.clone());
        }
        let (text, html) = match notice.digest() {
            Some(report) => (report.text.clone(), report.html.clone()),
            None => (text(&wording, notice), html(&wording, notice)),
        };
        let mail = builder.multipart(MultiPart::alternative_plain_html(text, html));
        Ok(Mail {
            host: self.host.clone(),
            port: self.port,
            tls: self.tls,
            credentials: self.credentials.clone(),
            mail: mail.map_err(|why| format!("the mail cannot be written: {why}"))?,
        })
    }
}

fn tls(text: &str) -> Result<Tls, BadKey> {
    MODES.iter().find(|(word, _)| *word == text).map(|(_, tls)| *tls).ok_or_else(|| {
        let shown: String = text.escape_debug().take(40).collect();
        bad("tls", format!("`{shown}` is not one of none, starttls, implicit"))
    })
}

/// One mailbox: `ops@example.com` or `Farebox <ops@example.com>`.
fn mailbox(key: &str, text: &str) -> Result<Mailbox, BadKey> {
    let wrong = || bad(key, "it is not an address such as ops@example.com");
    let mailbox: Mailbox = text.trim().parse().map_err(|_| wrong())?;
    // What the parser left unread would be lost without a word.
    let email = mailbox.email.to_string();
    let ends = text.trim().trim_end_matches('>').trim_end();
    match ends.ends_with(&email) && text.chars().count() <= MAILBOX_CHARS {
        true => Ok(mailbox),
        false => Err(wrong()),
    }
}

fn text(wording: &Wording, notice: &Notice) -> String {
    let mut text = format!("{}\n\n{}\n", wording.headline, wording.lines().join("\n"));
    if !wording.action.is_empty() {
        text.push_str(&format!("\n{}\n", wording.action));
    }
    if let Some(link) = &notice.link {
        text.push_str(&format!("\n{link}\n"));
    }
    text
}

fn html(wording: &Wording, notice: &Notice) -> String {
    let row = |(name, text): &(String, String)| {
        format!("<tr><th align=\"left\">{}</th><td>{}</td></tr>\n", escaped(name), escaped(text))
    };
    let rows: String = wording.facts.iter().map(row).collect();
    let mut html = format!(
        "<!DOCTYPE html>\n<html><body>\n<h2>{}</h2>\n<p><strong>{}</strong></p>\n<table>\n{rows}\
         </table>\n",
        escaped(&wording.title),
        escaped(&wording.headline)
    );
    if !wording.action.is_empty() {
        html.push_str(&format!("<p>{}</p>\n", escaped(&wording.action)));
    }
    if let Some(link) = notice.link.as_ref().filter(|link| link.starts_with("http")) {
        html.push_str(&format!("<p><a href=\"{}\">Open in Farebox</a></p>\n", escaped(link)));
    }
    html.push_str("</body></html>\n");
    html
}

fn escaped(text: &str) -> String {
    let of = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::notice::samples::{groq, hostile, report};
    use super::super::{Allowed, Channel, Message};
    use super::*;

    fn formatted(notice: &Notice) -> String {
        let map = json!({"type": "email", "host": "mail.example.com",
            "from": "Farebox <farebox@example.com>", "to": ["ops@example.com", "Bob <b@example.com>"]});
        let channel = Channel::read(map.as_object().unwrap(), &Allowed::default()).unwrap();
        let Message::Mail(mail) = channel.message(notice, "al_1", 1_795_900_416_123).unwrap()
        else {
            panic!("not a mail");
        };
        assert_eq!((mail.port, mail.tls), (587, Tls::StartTls));
        String::from_utf8(mail.mail.formatted()).unwrap()
    }

    #[test]
    fn r088_subject_text_and_html() {
        let mail = formatted(&groq());
        for part in [
            "Subject: Quota Alert: groq_1\r\n",
            "From: Farebox <farebox@example.com>\r\n",
            "To: ops@example.com, Bob <b@example.com>\r\n",
            "Message-ID: <al_1@example.com>\r\n",
            "Date: Sat, 28 Nov 2026 21:13:36 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "multipart/alternative",
            "Content-Type: text/plain",
            "Content-Type: text/html",
            "\r\nUsage: 100.0%\r\n",
            "\r\nTokens: 850,000 / 14,400 chars\r\n",
            "\r\nProvider: groq\r\n",
            "QUOTA EXCEEDED",
        ] {
            assert!(mail.contains(part), "{part:?} is missing in {mail}");
        }
    }

    #[test]
    fn a_report_is_sent_as_it_was_written() {
        let mail = formatted(&report());
        assert!(mail.contains("Subject: Farebox daily report: 2026-11-27\r\n"), "{mail}");
        assert!(mail.contains("\r\nSpent $21.25\r\n"), "{mail}");
        assert!(mail.contains("<p>Spent $21.25</p>"), "{mail}");
    }

    #[test]
    fn names_become_neither_headers_nor_markup() {
        let mail = formatted(&hostile());
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc:")), "{head}");
        let html = body.split("text/html").nth(1).unwrap();
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
    }

    #[test]
    fn a_mailbox_is_read_whole_or_not_at_all() {
        for good in ["a@b.c", "Ops Team <ops@example.com>", "\"Ops, Team\" <ops@example.com>"] {
            assert!(mailbox("to", good).is_ok(), "{good}");
        }
        for wrong in
            ["", "a", "a@", "@b", "a@b.c, d@e.f", "a@b.c d", "a@b.c\r\nBcc: d@e.f", "<a@b.c"]
        {
            assert!(mailbox("to", wrong).is_err(), "{wrong:?}");
        }
    }
}
