//! Classes: what a price can be for. Parts of the tokens, and things that are not tokens.
//!
//! Not here: how a usage is divided into them (`parts`). Invariant: following [`Class::broader`]
//! ends, and never leads from one side to another.

use std::num::NonZeroU64;

macro_rules! classes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// A part of a usage that has a price.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Class { $($(#[doc = $doc])+ $variant,)+ }

        impl Class {
            /// All classes, in the order of a bill.
            pub const ALL: &'static [Class] = &[$(Class::$variant,)+];

            /// The key in the price table and in bills.
            pub const fn name(self) -> &'static str {
                match self { $(Class::$variant => $name,)+ }
            }
        }
    };
}

classes! {
    /// Text of the prompt that was neither read from a cache nor written to one.
    Input = "input",
    /// Prompt tokens read from the cache.
    CachedInput = "cached_input",
    /// Cache writes of the default lifetime.
    CacheWrite = "cache_write",
    /// Cache writes that live five minutes.
    CacheWrite5m = "cache_write_5m",
    /// Cache writes that live thirty minutes.
    CacheWrite30m = "cache_write_30m",
    /// Cache writes that live one hour.
    CacheWrite1h = "cache_write_1h",
    /// Cache writes that live twelve hours.
    CacheWrite12h = "cache_write_12h",
    /// Audio of the prompt.
    AudioInput = "audio_input",
    /// Audio of the prompt, read from the cache.
    CachedAudio = "cached_audio",
    /// Images of the prompt.
    ImageInput = "image_input",
    /// Images of the prompt, read from the cache.
    CachedImage = "cached_image",
    /// Video of the prompt.
    VideoInput = "video_input",
    /// Documents of the prompt.
    DocumentInput = "document_input",
    /// What results of the provider's own tools took of the prompt.
    ToolUseInput = "tool_use_input",
    /// Text of the answer.
    Output = "output",
    /// Reasoning.
    Reasoning = "reasoning",
    /// Audio of the answer.
    AudioOutput = "audio_output",
    /// Images of the answer.
    ImageOutput = "image_output",
    /// A web search.
    WebSearch = "web_search",
    /// A fetch of a web page by the provider.
    WebFetch = "web_fetch",
    /// A query of a search that grounded the answer.
    WebSearchQuery = "web_search_query",
    /// A call that was grounded by a search, however many queries that took.
    GroundedRequest = "grounded_request",
    /// A second of sound or session; counted in milliseconds.
    AudioSecond = "audio_second",
    /// A character that was spoken or embedded.
    Character = "character",
    /// An image that was made.
    Image = "image",
    /// An image that was sent, where it is billed by the piece.
    ImageIn = "image_in",
    /// A page of a document that was read.
    Page = "page",
    /// A search unit of a reranker.
    SearchUnit = "search_unit",
    /// A call, whatever it used.
    Request = "request",
}

const COUNT: usize = Class::ALL.len();

/// Which total a class is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The input tokens.
    Input,
    /// The output tokens.
    Output,
    /// Neither; not tokens.
    Apart,
}

impl Class {
    /// The class whose price is taken where this one has none.
    pub const fn broader(self) -> Option<Self> {
        match self {
            Self::CachedInput
            | Self::CacheWrite
            | Self::AudioInput
            | Self::ImageInput
            | Self::VideoInput
            | Self::DocumentInput
            | Self::ToolUseInput => Some(Self::Input),
            Self::CacheWrite5m | Self::CacheWrite30m | Self::CacheWrite1h | Self::CacheWrite12h => {
                Some(Self::CacheWrite)
            }
            Self::CachedAudio => Some(Self::AudioInput),
            Self::CachedImage => Some(Self::CachedInput),
            Self::Reasoning | Self::AudioOutput | Self::ImageOutput => Some(Self::Output),
            _ => None,
        }
    }

    /// Where it is counted.
    pub const fn side(self) -> Side {
        match self {
            Self::Output | Self::Reasoning | Self::AudioOutput | Self::ImageOutput => Side::Output,
            Self::WebSearch
            | Self::WebFetch
            | Self::WebSearchQuery
            | Self::GroundedRequest
            | Self::AudioSecond
            | Self::Character
            | Self::Image
            | Self::ImageIn
            | Self::Page
            | Self::SearchUnit
            | Self::Request => Side::Apart,
            _ => Side::Input,
        }
    }

    /// How many counts make up one of what is priced: seconds are counted in milliseconds.
    pub(in crate::pricing) const fn counts_in_one(self) -> NonZeroU64 {
        const MILLISECONDS: NonZeroU64 = NonZeroU64::MIN.saturating_add(999);
        match self {
            Self::AudioSecond => MILLISECONDS,
            _ => NonZeroU64::MIN,
        }
    }

    #[allow(clippy::as_conversions, reason = "the discriminants are the places in ALL")]
    const fn index(self) -> usize {
        self as usize
    }
}

/// One value for each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerClass<T>([T; COUNT]);

impl<T: Copy> PerClass<T> {
    /// The same value for all.
    pub fn all(value: T) -> Self {
        Self([value; COUNT])
    }

    /// The value of a class.
    pub fn get(&self, class: Class) -> T {
        self.0[class.index()]
    }

    /// Sets the value of a class.
    pub fn set(&mut self, class: Class, value: T) {
        self.0[class.index()] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broader_class_is_of_the_same_side() {
        for &class in Class::ALL {
            let mut at = class;
            for _ in 0..COUNT {
                assert_eq!(at.side(), class.side(), "{class:?}");
                at = at.broader().unwrap_or(at);
            }
            assert_eq!(at.broader(), None, "{class:?}");
        }
    }

    #[test]
    fn every_class_has_its_place() {
        for (place, class) in Class::ALL.iter().enumerate() {
            assert_eq!(class.index(), place);
        }
    }
}
