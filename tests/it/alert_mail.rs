//! Alerts as a real SMTP server gets them: in the clear, with STARTTLS, and encrypted from the
//! first byte; and servers that refuse, or would have a password in the clear.

use crate::alert_sinks::{
    FixedNames, SmtpSink, allowed, certificate, channel, groq, message, outgoing,
};
use farebox::alert::{Channel, Outcome, Outgoing};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const PASSWORD: &str = "p4ssword";
/// `\0farebox\0p4ssword`.
const PLAIN: &str = "AUTH PLAIN AGZhcmVib3gAcDRzc3dvcmQ=";

fn email(port: u16, tls: &str) -> Channel {
    channel(json!({
        "type": "email", "host": "mail.example.com", "port": port, "tls": tls,
        "from": "Farebox <farebox@example.com>", "to": ["ops@example.com", "b@example.com"],
        "username": "farebox", "password": PASSWORD,
    }))
}

fn names() -> FixedNames {
    FixedNames::new(&[&["127.0.0.1"]])
}

fn here() -> Outgoing {
    outgoing(&["127.0.0.1"]).resolving(names())
}

async fn send(outgoing: &Outgoing, channel: &Channel) -> Outcome {
    outgoing.send(&message(channel, &groq())).await
}

fn position(lines: &[String], line: &str) -> usize {
    let found = lines.iter().position(|heard| heard == line);
    found.unwrap_or_else(|| panic!("{line:?} is missing in {lines:#?}"))
}

#[tokio::test]
async fn r088_a_mail_goes_out_after_starttls() {
    let (certificate, acceptor) = certificate("mail.example.com");
    let sink = SmtpSink {
        offers: vec!["STARTTLS", "AUTH PLAIN LOGIN"],
        tls: Some(acceptor),
        ..SmtpSink::default()
    };
    let port = sink.start().await;
    let trusting = here().trusting(certificate).unwrap();
    assert_eq!(send(&trusting, &email(port, "starttls")).await, Outcome::Delivered);
    let lines = sink.lines();
    let order = ["EHLO example.com", "STARTTLS", "TLS", PLAIN, "MAIL FROM:<farebox@example.com>"];
    let order: Vec<usize> = order.iter().map(|line| position(&lines, line)).collect();
    assert!(order.is_sorted(), "{lines:#?}");
    for line in [
        "RCPT TO:<ops@example.com>",
        "RCPT TO:<b@example.com>",
        "Subject: Quota Alert: groq_1",
        "Message-ID: <al_42@example.com>",
        "Usage: 100.0%",
        "Tokens: 3,600 / 14,400 chars",
        "Provider: groq",
        "QUIT",
    ] {
        position(&lines, line);
    }
    // Whose certificate is not trusted gets no password.
    let stranger = send(&here(), &email(port, "starttls")).await;
    assert!(stranger.why().unwrap().contains("certificate"), "{stranger:?}");
    assert_eq!(sink.lines().iter().filter(|line| line.starts_with("AUTH")).count(), 1);
}

#[tokio::test]
async fn r088_a_mail_goes_out_encrypted_from_the_first_byte() {
    let (certificate, acceptor) = certificate("mail.example.com");
    let sink = SmtpSink {
        offers: vec!["AUTH LOGIN"],
        says: vec![
            ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"),
            ("ZmFyZWJveA==", "334 UGFzc3dvcmQ6\r\n"),
            ("cDRzc3dvcmQ=", "235 ok\r\n"),
        ],
        tls: Some(acceptor),
        implicit: true,
        ..SmtpSink::default()
    };
    let port = sink.start().await;
    let trusting = here().trusting(certificate).unwrap();
    assert_eq!(send(&trusting, &email(port, "implicit")).await, Outcome::Delivered);
    let lines = sink.lines();
    assert_eq!(lines[0], "TLS");
    position(&lines, "Subject: Quota Alert: groq_1");
}

#[tokio::test]
async fn r088_a_mail_goes_out_in_the_clear_where_that_is_asked_for() {
    let sink = SmtpSink::default();
    let port = sink.start().await;
    let mut written = json!({"type": "email", "host": "127.0.0.1", "port": port, "tls": "none",
        "from": "farebox@example.com", "to": ["ops@example.com"]});
    assert_eq!(send(&here(), &channel(written.clone())).await, Outcome::Delivered);
    position(&sink.lines(), "Subject: Quota Alert: groq_1");
    // A server that shall encrypt and does not offer it gets nothing more.
    written["tls"] = Value::from("starttls");
    written["username"] = Value::from("farebox");
    written["password"] = Value::from(PASSWORD);
    let before = sink.lines().len();
    let outcome = send(&here(), &channel(written)).await;
    assert!(matches!(&outcome, Outcome::Failed { why } if why.contains("STARTTLS")), "{outcome:?}");
    let more = sink.lines().split_off(before);
    assert_eq!(more, ["EHLO example.com"]);
}

#[tokio::test]
async fn a_server_that_refuses_is_told_apart_from_one_that_is_busy() {
    for (says, again, why) in [
        (("AUTH", "535 wrong\r\n"), false, "535: see username, password"),
        (("MAIL", "451 later\r\n"), true, "451"),
        (("MAIL", "550 no\r\n"), false, "550"),
        (("RCPT TO:<b@", "550 nobody\r\n"), false, "550: it does not take mail for a recipient"),
        (("RCPT TO:<b@", "452 full\r\n"), true, "452"),
        (("DATA", "554 no\r\n"), false, "554"),
        (("EHLO", "garbage\r\n"), true, "it does not speak SMTP"),
    ] {
        let offers = vec!["AUTH PLAIN"];
        let sink = SmtpSink { offers, says: vec![says], ..SmtpSink::default() };
        let outcome = send(&here(), &email(sink.start().await, "none")).await;
        assert_eq!(matches!(outcome, Outcome::TryAgain { .. }), again, "{says:?}: {outcome:?}");
        let found = outcome.why().unwrap();
        assert!(found.contains(why) && !found.contains(PASSWORD), "{says:?}: {found}");
        assert!(found.starts_with("mail.example.com"), "{found}");
    }
}

#[tokio::test]
async fn p25_a_mail_server_in_private_space_is_not_reached() {
    let sink = SmtpSink::default();
    let port = sink.start().await;
    let written = |host: &str| {
        json!({"type": "email", "host": host, "port": port, "tls": "none",
            "from": "farebox@example.com", "to": ["ops@example.com"]})
    };
    for literal in ["127.0.0.1", "::1", "0.0.0.0", "127.1", "2130706433", "127.0.0.1."] {
        let map = written(literal);
        let read = Channel::read(map.as_object().unwrap(), &allowed(&[]));
        assert_eq!(read.unwrap_err().key, "host", "{literal}");
    }
    for addresses in [&["127.0.0.1"], &["::1"], &["0.0.0.0"], &["::ffff:127.0.0.1"]] {
        let names = FixedNames::new(&[addresses]);
        let outgoing = outgoing(&[]).resolving(names.clone());
        let outcome = send(&outgoing, &channel(written("mail.example.com"))).await;
        assert!(matches!(&outcome, Outcome::Failed { why } if why.contains("allow_private")));
        assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    }
    let system = send(&outgoing(&[]), &channel(written("localhost"))).await;
    assert!(matches!(&system, Outcome::Failed { .. }), "{system:?}");
    assert_eq!(sink.lines(), Vec::<String>::new());
    // The server is there: where it is allowed, it is reached.
    assert_eq!(send(&here(), &channel(written("mail.example.com"))).await, Outcome::Delivered);
}
