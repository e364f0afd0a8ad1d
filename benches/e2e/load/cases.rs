//! The requests of the benchmark, ready to be written to a socket.

use clap::ValueEnum;

/// How many text events a stream has.
const CHUNKS: u64 = 100;

/// Pause between two events: long enough that each travels alone.
const DELAY_MS: u64 = 5;

/// Length of the long prompt.
const LONG_PROMPT: usize = 300_000;

/// Length of a stream that nobody reads: more than sockets hold.
const LONG_ANSWER: usize = 16 << 20;

/// Texts to be embedded, and numbers for each: an answer of 10 MiB.
const TEXTS: usize = 256;
const DIMENSIONS: usize = 4096;

/// Before a path, it makes one that Farebox does not meter; the simulated provider answers behind
/// any prefix.
const UNMETERED: &str = "/v1/threads";

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// Small chat calls, answered with JSON.
    Json,
    /// Streams that ask for their usage; a unit is a chunk.
    Stream,
    /// Streams that do not ask for it; a unit is a chunk.
    Silent,
    /// Chat calls with a prompt of 300 KB.
    Large,
    /// Embeddings of 10 MiB, as numbers.
    Embeddings,
    /// A stream that stalls after two events.
    Stall,
    /// A long stream of which only the beginning is read.
    Unread,
}

impl Case {
    /// Units in one call.
    pub fn units(self) -> u64 {
        match self {
            Self::Stream | Self::Silent => CHUNKS,
            Self::Json | Self::Large | Self::Embeddings | Self::Stall | Self::Unread => 1,
        }
    }

    /// Whether the proxy is to stay as it is for a while before it is looked at.
    pub fn settles(self) -> bool {
        self == Self::Unread
    }

    /// The request; on a route that is not metered, if that is wanted.
    pub fn request(self, key: &str, metered: bool) -> Vec<u8> {
        let prefix = if metered { "" } else { UNMETERED };
        let (path, body, script) = (self.path(), self.body(), self.script());
        format!(
            "POST {prefix}{path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\nx-simulate: {script}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn path(self) -> &'static str {
        match self {
            Self::Embeddings => "/v1/embeddings",
            _ => "/v1/chat/completions",
        }
    }

    fn body(self) -> String {
        let (prompt, options) = match self {
            Self::Large => {
                ("All work and no play makes a dull proxy. ".repeat(LONG_PROMPT / 41), "")
            }
            Self::Stream => (short(), r#","stream":true,"stream_options":{"include_usage":true}"#),
            Self::Silent | Self::Stall | Self::Unread => (short(), r#","stream":true"#),
            Self::Json => (short(), ""),
            Self::Embeddings => {
                let input = vec![r#""A fare box counts coins.""#; TEXTS].join(",");
                return format!(
                    r#"{{"model":"text-embedding-3-small","input":[{input}],"dimensions":{DIMENSIONS}}}"#
                );
            }
        };
        format!(
            r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{prompt}"}}],"max_tokens":200{options}}}"#
        )
    }

    /// What the simulated provider is to do.
    fn script(self) -> String {
        match self {
            Self::Json | Self::Large => r#"{"input":64,"output":120,"chunks":40}"#.to_owned(),
            Self::Stream | Self::Silent => {
                format!(r#"{{"input":64,"output":120,"chunks":{CHUNKS},"delay_ms":{DELAY_MS}}}"#)
            }
            Self::Embeddings => "{}".to_owned(),
            Self::Stall => r#"{"input":64,"output":120,"stall_after":2}"#.to_owned(),
            Self::Unread => {
                format!(r#"{{"input":64,"output":120,"chunks":20000,"pad":{LONG_ANSWER}}}"#)
            }
        }
    }
}

fn short() -> String {
    "Explain how a fare box counts coins.".to_owned()
}
