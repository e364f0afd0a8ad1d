//! The one edit of a request: a stream of chat or completions is asked for its usage.
//!
//! Other stream options stay, also when the client said `false`.

use crate::dialect::Splice;
use bytes::Bytes;
use std::ops::Range;

/// What a request says about its stream options; offsets in the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum StreamOptions {
    /// Nothing.
    #[default]
    Absent,
    /// `null`.
    Null(Range<u64>),
    /// `{…}` without `include_usage`: behind its brace, and whether nothing stands there.
    Object { inside: u64, is_empty: bool },
    /// `include_usage` is `null` or `false`.
    Declined(Range<u64>),
    /// `include_usage` is `true`.
    Asked,
}

/// The edit; `inside` is the offset behind the brace that opens the body.
pub(super) fn ask_for_usage(options: &StreamOptions, inside: u64) -> Option<Splice> {
    let (range, with) = match options {
        StreamOptions::Asked => return None,
        StreamOptions::Absent => (inside..inside, r#""stream_options":{"include_usage":true},"#),
        StreamOptions::Null(span) => (span.clone(), r#"{"include_usage":true}"#),
        StreamOptions::Object { inside, is_empty: true } => {
            (*inside..*inside, r#""include_usage":true"#)
        }
        StreamOptions::Object { inside, is_empty: false } => {
            (*inside..*inside, r#""include_usage":true,"#)
        }
        StreamOptions::Declined(span) => (span.clone(), "true"),
    };
    let offset = |at| usize::try_from(at).ok();
    let range = offset(range.start)?..offset(range.end)?;
    Some(Splice { range, with: Bytes::from_static(with.as_bytes()) })
}
