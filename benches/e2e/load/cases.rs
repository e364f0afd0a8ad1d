//! The requests of the benchmark, ready to be written to a socket.

use clap::ValueEnum;

/// How many text events a stream has.
const CHUNKS: u64 = 100;

/// Pause between two events: long enough that each travels alone.
const DELAY_MS: u64 = 5;

/// Length of the long prompt.
const LONG_PROMPT: usize = 300_000;

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
    /// A stream that stalls after two events.
    Stall,
}

impl Case {
    /// Units in one call.
    pub fn units(self) -> u64 {
        match self {
            Self::Stream | Self::Silent => CHUNKS,
            Self::Json | Self::Large | Self::Stall => 1,
        }
    }

    /// The request.
    pub fn request(self, key: &str) -> Vec<u8> {
        let prompt = match self {
            Self::Large => "All work and no play makes a dull proxy. ".repeat(LONG_PROMPT / 41),
            _ => "Explain how a fare box counts coins.".to_owned(),
        };
        let options = match self {
            Self::Json | Self::Large => "",
            Self::Stream => r#","stream":true,"stream_options":{"include_usage":true}"#,
            Self::Silent | Self::Stall => r#","stream":true"#,
        };
        let script = match self {
            Self::Json | Self::Large => r#"{"input":64,"output":120,"chunks":40}"#.to_owned(),
            Self::Stream | Self::Silent => {
                format!(r#"{{"input":64,"output":120,"chunks":{CHUNKS},"delay_ms":{DELAY_MS}}}"#)
            }
            Self::Stall => r#"{"input":64,"output":120,"stall_after":2}"#.to_owned(),
        };
        let body = format!(
            r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{prompt}"}}],"max_tokens":200{options}}}"#
        );
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\nx-simulate: {script}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}
