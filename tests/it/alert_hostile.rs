//! URLs that mean to reach what is not public: none does (PROMISES, P25). The sink listens on all
//! addresses of this machine, and is reached where it is allowed.

use crate::alert_sinks::{
    FixedNames, HttpSink, NO_CONTENT, allowed, answer, channel, groq, message, now, outgoing,
};
use farebox::alert::{Channel, Outcome};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

/// Hosts that are addresses, in the usual and in unusual forms.
const ADDRESSES: &[&str] = &[
    "127.0.0.1",
    "127.0.0.2",
    "127.1.2.3",
    "127.255.255.254",
    "127.0.0.1.",
    "0.0.0.0",
    "0.0.0.1",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "0",
    "00",
    "0x0",
    "1",
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "0X7F000001",
    "127.0.0.0x1",
    "127.000.000.001",
    "127.0.0.01",
    "2130706433",
    "2130706433.",
    "3232235521",
    "2852039166",
    "4294967295",
    "4294967296",
    "256.0.0.1",
    "127.0.0.1.1",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::1]",
    "[100::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[2002:7f00:1::1]",
    "[2002:a9fe:a9fe::]",
    "[3fff::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[fec0::1]",
    "[ff02::1]",
    "[::1",
    "::1",
    "[127.0.0.1]",
    "[::1]x",
    "①②⑦.⓪.⓪.①",
    "１２７.0.0.1",
    "127。0。0。1",
    "%31%32%37.0.0.1",
    "127.0.0.1%00",
    "127.0.0.1%2f",
    "loc\u{200b}alhost",
    "ⓛocalhost",
];

/// Whole URLs. `PORT` is that of the sink.
const URLS: &[&str] = &[
    "HTTP://127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
    "http:/127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/",
    "http:\\\\127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "127.0.0.1:PORT/",
    "http://127.0.0.1:PORT@example.com/",
    "http://example.com@127.0.0.1:PORT/",
    "http://example.com:80@127.0.0.1:PORT/",
    "http://user:pass@127.0.0.1:PORT/",
    "http://example.com\\@127.0.0.1:PORT/",
    "http://example.com#@127.0.0.1:PORT/",
    "http://example.com/#/../@127.0.0.1:PORT/",
    "http://example.com:PORT:80/",
    "http://127.0.0.1:+PORT/",
    "http://127.0.0.1:PORT\r\nHost: example.com/",
    "http://127.0.0.1:PORT/\r\nX-Injected: 1",
    "http://127.0.0.1:PORT /",
    " http://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\t/",
    "http://\u{0}127.0.0.1:PORT/",
    "http://[::1]:PORT@example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:PORT/_POST",
    "dict://127.0.0.1:PORT/info",
    "ftp://127.0.0.1:PORT/",
    "ldap://127.0.0.1:PORT/",
    "unix:///var/run/docker.sock",
    "jar:http://127.0.0.1:PORT!/",
    "javascript:fetch('http://127.0.0.1:PORT')",
    "ws://127.0.0.1:PORT/",
];

/// Names, with the addresses that they stand for.
const NAMES: &[(&str, &[&str])] = &[
    ("loopback.example.com", &["127.0.0.1"]),
    ("127.0.0.1.nip.example", &["127.0.0.1"]),
    ("localhost.example.com.", &["127.8.8.8"]),
    ("six.example.com", &["::1"]),
    ("zero.example.com", &["0.0.0.0"]),
    ("any.example.com", &["::"]),
    ("mapped.example.com", &["::ffff:127.0.0.1"]),
    ("compatible.example.com", &["::127.0.0.1"]),
    ("translated.example.com", &["64:ff9b::7f00:1"]),
    ("sixtofour.example.com", &["2002:7f00:1::1"]),
    ("ten.example.com", &["10.0.0.5"]),
    ("unique.example.com", &["fd00::1"]),
    ("link.example.com", &["fe80::1"]),
    ("metadata.google.internal", &["169.254.169.254"]),
    ("many.example.com", &["127.0.0.1", "::1", "10.0.0.1", "0.0.0.0"]),
    ("xn--lcalhost-54a.example.com", &["127.0.0.1"]),
];

/// Names that the system knows.
const SYSTEM: &[&str] = &["localhost", "LOCALHOST", "localhost.", "ip6-localhost"];

async fn sink() -> HttpSink {
    let everywhere: SocketAddr = match std::net::TcpListener::bind("[::]:0") {
        Ok(_) => "[::]:0".parse().unwrap(),
        Err(_) => "0.0.0.0:0".parse().unwrap(),
    };
    HttpSink::on(everywhere, &[NO_CONTENT], None).await
}

fn read(url: &str) -> Result<Channel, String> {
    let map = json!({"type": "slack", "url": url});
    Channel::read(map.as_object().unwrap(), &allowed(&[])).map_err(|bad| bad.to_string())
}

#[tokio::test]
async fn p25_none_of_the_hostile_urls_reaches_a_sink() {
    let sink = sink().await;
    let port = sink.address.port();
    let mut tried = 0;
    let addresses = ADDRESSES.iter().map(|host| format!("http://{host}:{port}/secret"));
    let urls = URLS.iter().map(|url| url.replace("PORT", &port.to_string()));
    for url in addresses.chain(urls) {
        let error = read(&url).unwrap_err();
        assert!(error.starts_with("url: ") && !error.contains("secret"), "{url}: {error}");
        tried += 1;
    }
    for (name, stands_for) in NAMES {
        let names = FixedNames::new(&[stands_for]);
        let channel = read(&format!("http://{name}:{port}/secret")).unwrap();
        let outgoing = outgoing(&[]).resolving(names.clone());
        let outcome = outgoing.send(&channel.message(&groq(), "al_1", now()).unwrap()).await;
        let why = outcome.why().unwrap();
        assert!(matches!(outcome, Outcome::Failed { .. }), "{name}: {outcome:?}");
        assert!(why.contains("allow_private") && !why.contains("secret"), "{name}: {why}");
        assert_eq!(names.asked.load(Ordering::SeqCst), 1);
        tried += 1;
    }
    for name in SYSTEM {
        let channel = read(&format!("http://{name}:{port}/secret")).unwrap();
        let message = channel.message(&groq(), "al_1", now()).unwrap();
        let outcome = outgoing(&[]).send(&message).await;
        assert!(outcome != Outcome::Delivered, "{name}: {outcome:?}");
        tried += 1;
    }
    assert!(tried >= 120, "only {tried} URLs");
    assert_eq!(sink.got.lock().len(), 0);
    println!("{tried} hostile URLs, {} requests at the sink", sink.got.lock().len());
    // The sink is there.
    let allowed = channel(json!({"type": "slack", "url": format!("http://127.0.0.1:{port}/")}));
    let outcome = outgoing(&["127.0.0.1"]).send(&message(&allowed, &groq())).await;
    assert_eq!((outcome, sink.got.lock().len()), (Outcome::Delivered, 1));
}

#[tokio::test]
async fn p25_a_name_is_resolved_once_and_only_allowed_addresses_are_used() {
    let public = HttpSink::on("127.0.0.2:0".parse().unwrap(), &[NO_CONTENT], None).await;
    let port = public.address.port();
    let private = HttpSink::on(SocketAddr::from(([127, 0, 0, 1], port)), &[NO_CONTENT], None).await;
    let hook = channel(json!({"type": "slack", "url": format!("http://x.example.com:{port}/")}));
    // 127.0.0.2 stands for the public internet here. The name changes after it was checked; and it
    // stands for both.
    for answers in
        [[&["127.0.0.2"][..], &["127.0.0.1"]], [&["127.0.0.1", "127.0.0.2"], &["127.0.0.1"]]]
    {
        let names = FixedNames::new(&answers);
        let outgoing = outgoing(&["127.0.0.2"]).resolving(names.clone());
        assert_eq!(outgoing.send(&message(&hook, &groq())).await, Outcome::Delivered);
        assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    }
    assert_eq!((public.got.lock().len(), private.got.lock().len()), (2, 0));
}

#[tokio::test]
async fn p25_no_redirect_is_followed() {
    let private = HttpSink::start(&[NO_CONTENT]).await;
    for status in ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"] {
        let location = format!("location: {}\r\n", private.url("/secret"));
        let public = HttpSink::start(&[&answer(status, &location)]).await;
        let hook = channel(json!({"type": "slack", "url": public.url("/")}));
        let outcome = outgoing(&["127.0.0.1"]).send(&message(&hook, &groq())).await;
        assert!(
            matches!(&outcome, Outcome::Failed { why } if why.contains("redirects are not followed")),
            "{outcome:?}"
        );
        assert_eq!(public.got.lock().len(), 1);
    }
    assert_eq!(private.got.lock().len(), 0);
}
