//! The providers whose reports can be read: their addresses, the variables of their keys, and what
//! their reports tell.

use super::compare::Told;
use super::span::Days;
use clap::ValueEnum;

/// A provider that has a usage and a cost API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Source {
    /// OpenAI's organization API
    #[value(name = "openai")]
    OpenAi,
    /// Anthropic's usage and cost reports
    #[value(name = "anthropic")]
    Anthropic,
    /// OpenRouter's activity
    #[value(name = "openrouter")]
    OpenRouter,
}

impl Source {
    /// Its name on the command line and, usually, in the configuration.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::OpenRouter => "openrouter",
        }
    }

    /// Its public address, as its SDK is told.
    pub(super) fn public_url(self) -> &'static str {
        crate::provider::known(self.name()).map_or("", |known| known.base_url)
    }

    /// The environment variables that its key may be in, the usual one first.
    pub(super) const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi => &["OPENAI_ADMIN_KEY"],
            Self::Anthropic => &["ANTHROPIC_ADMIN_KEY", "ANTHROPIC_ADMIN_API_KEY"],
            Self::OpenRouter => &["OPENROUTER_PROVISIONING_KEY", "OPENROUTER_MANAGEMENT_KEY"],
        }
    }

    /// Where such a key is made.
    pub(super) const fn keys_page(self) -> &'static str {
        match self {
            Self::OpenAi => "https://platform.openai.com/settings/organization/admin-keys",
            Self::Anthropic => "https://console.anthropic.com/settings/admin-keys",
            Self::OpenRouter => "https://openrouter.ai/settings/provisioning-keys",
        }
    }

    /// Which days its reports have.
    pub(super) const fn days(self) -> Days {
        match self {
            Self::OpenAi | Self::Anthropic => Days::All,
            Self::OpenRouter => Days::Over,
        }
    }

    /// What its reports tell beside input, output and dollars.
    pub(super) const fn told(self) -> Told {
        match self {
            Self::OpenAi => Told { requests: true, cached: true, cache_writes: false },
            Self::Anthropic => Told { requests: false, cached: true, cache_writes: true },
            Self::OpenRouter => Told { requests: true, cached: false, cache_writes: false },
        }
    }
}
