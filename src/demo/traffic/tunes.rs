//! What the players of the demonstration ask for: paths, bodies and the scripts that set the
//! figures of the answers. Fixed texts; which one comes next is counted, not drawn.

/// One kind of call.
#[derive(Debug, Clone, Copy)]
pub struct Tune {
    /// The path.
    pub path: &'static str,
    /// The body.
    pub body: &'static str,
    /// The script, or nothing for the provider's own figures.
    pub script: &'static str,
}

/// A chat with a long prompt that is mostly read from the cache.
pub const CACHED_CHAT: Tune = Tune {
    path: "/v1/chat/completions",
    body: r#"{"model":"gpt-5","messages":[{"role":"system","content":"You review code."},{"role":"user","content":"Review the change."}]}"#,
    script: r#"{"input":120006,"cached":102400,"output":4300,"reasoning":1280,"first_delay_ms":40}"#,
};

/// A chat that streams and asks for its usage.
pub const STREAMED_CHAT: Tune = Tune {
    path: "/v1/chat/completions",
    body: r#"{"model":"gpt-5-mini","messages":[{"role":"user","content":"Explain fare boxes."}],"stream":true,"stream_options":{"include_usage":true}}"#,
    script: r#"{"input":64000,"output":8200,"chunks":24,"delay_ms":10}"#,
};

/// A chat that streams and does not ask for its usage.
pub const SILENT_STREAM: Tune = Tune {
    path: "/v1/chat/completions",
    body: r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Tell me a story."}],"stream":true}"#,
    script: r#"{"input":21000,"output":7500,"chunks":16,"delay_ms":8}"#,
};

/// A short chat with the provider's own figures.
pub const SHORT_CHAT: Tune = Tune {
    path: "/v1/chat/completions",
    body: r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Yes or no?"}],"max_tokens":40}"#,
    script: "",
};

/// Embeddings of three texts.
pub const EMBEDDINGS: Tune = Tune {
    path: "/v1/embeddings",
    body: r#"{"model":"text-embedding-3-small","input":["tram","bus","ferry"]}"#,
    script: r#"{"input":81200}"#,
};

/// A response with reasoning, as JSON.
pub const RESPONSE: Tune = Tune {
    path: "/v1/responses",
    body: r#"{"model":"gpt-5","input":"Plan the trip."}"#,
    script: r#"{"input":96000,"cached":65536,"output":9000,"reasoning":6400,"first_delay_ms":60}"#,
};

/// A streamed response on the flexible tier.
pub const STREAMED_RESPONSE: Tune = Tune {
    path: "/v1/responses",
    body: r#"{"model":"gpt-5-mini","input":"Summarise the minutes.","stream":true,"service_tier":"flex"}"#,
    script: r#"{"input":90000,"output":5200,"chunks":12,"delay_ms":6}"#,
};

/// A message of another provider, of which a part is written to the cache and a part read from it.
pub const MESSAGE: Tune = Tune {
    path: "/v1/messages",
    body: r#"{"model":"claude-sonnet-4-5","max_tokens":8000,"messages":[{"role":"user","content":"Compare the fares."}]}"#,
    script: r#"{"input":48000,"cached":30000,"cache_write":4000,"output":5200,"first_delay_ms":50}"#,
};

/// A message that streams.
pub const STREAMED_MESSAGE: Tune = Tune {
    path: "/v1/messages",
    body: r#"{"model":"claude-haiku-4-5","max_tokens":8000,"messages":[{"role":"user","content":"Draft a reply."}],"stream":true}"#,
    script: r#"{"input":18000,"cached":9000,"output":3600,"chunks":20,"delay_ms":8}"#,
};
