//! Slack: an incoming webhook. `text` is what notifications show, `blocks` is the message in
//! `mrkdwn`, with `&`, `<` and `>` escaped, so that no name can mention or link anything.

use super::message::Post;
use super::notice::Notice;
use super::target::Target;
use super::wording::{Wording, cut};
use super::written::{BadKey, Keys, bad};
use crate::ledger::Rate;
use http::{HeaderValue, header};
use serde_json::{Value, json};

/// The most characters of a section; Slack refuses a message with a longer one.
const SECTION: usize = 3000;

/// A Slack channel.
#[derive(Debug, Clone)]
pub(super) struct Slack {
    url: Target,
}

impl Slack {
    pub(super) const KEYS: &[&str] = &["url"];

    /// Slack takes one message a second on a hook.
    pub(super) const RATE: Rate = Rate { spacing_ms: 1000, per_day: None };

    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, BadKey> {
        let url = keys.url("url")?.ok_or_else(|| bad("url", "it is missing"))?;
        Ok(Self { url })
    }

    pub(super) fn shown(&self) -> Value {
        json!({"url": self.url.shown()})
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.url == other.url
    }

    pub(super) fn post(&self, notice: &Notice) -> Post {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        Post {
            to: self.url.clone(),
            headers: vec![(header::CONTENT_TYPE, json)],
            body: body(notice).to_string().into(),
        }
    }
}

fn body(notice: &Notice) -> Value {
    let Wording { title, headline, facts, action } = Wording::of(notice);
    let (title, headline) = (escaped(&title), escaped(&headline));
    let lines: Vec<_> =
        facts.iter().map(|(name, text)| format!("*{name}:* {}", escaped(text))).collect();
    let section = |text: String| json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(&text, SECTION)}});
    let mut blocks = vec![section(format!("*{title}*\n{headline}")), section(lines.join("\n"))];
    if !action.is_empty() {
        blocks.push(section(escaped(&action)));
    }
    if let Some(link) = &notice.link {
        blocks.push(section(format!("<{}|Open in Farebox>", escaped(link).replace('|', "%7C"))));
    }
    json!({"text": format!("{title} - {headline}"), "blocks": blocks})
}

/// As Slack asks for it: these three, and no others.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::notice::Subject;
    use super::super::notice::samples::{groq, hostile};
    use super::*;

    #[test]
    fn r089_text_and_blocks() {
        let mut notice = groq();
        notice.link = Some("https://farebox.example.com/providers".to_owned());
        let body = body(&notice);
        assert_eq!(
            body["text"],
            "Quota Alert: groq_1 - QUOTA EXCEEDED: groq_1 at 100.0% (14,400/14,400 chars), \
             threshold 100%"
        );
        let blocks = body["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), 4);
        for block in blocks {
            assert_eq!(
                (&block["type"], &block["text"]["type"]),
                (&json!("section"), &json!("mrkdwn"))
            );
            assert!(block["text"]["text"].as_str().unwrap().len() < 3000);
        }
        let facts = blocks[1]["text"]["text"].as_str().unwrap();
        for line in [
            "*Usage:* 100.0%",
            "*Tokens:* 850,000 / 14,400 chars",
            "*Provider:* groq",
            "*Cost:* $21.25",
        ] {
            assert!(facts.lines().any(|l| l == line), "{line} is missing in {facts}");
        }
        assert_eq!(
            blocks[3]["text"]["text"],
            "<https://farebox.example.com/providers|Open in Farebox>"
        );
    }

    #[test]
    fn the_longest_texts_stay_within_what_slack_takes() {
        let mut notice = hostile();
        if let Subject::Rule(firing) = &mut notice.subject {
            firing.rule = "&".repeat(5000);
            firing.says = "<".repeat(5000);
        }
        for block in body(&notice)["blocks"].as_array().unwrap() {
            assert!(block["text"]["text"].as_str().unwrap().chars().count() <= SECTION);
        }
    }

    #[test]
    fn names_cannot_mention_or_link() {
        let text = body(&hostile()).to_string();
        assert!(!text.contains("<!channel>") && !text.contains("<https"), "{text}");
        assert!(text.contains("&lt;!channel&gt;"), "{text}");
    }
}
