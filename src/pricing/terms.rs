//! Under which conditions a call was, or would be, served.
//!
//! Everything that a provider may make a price depend on, in the provider's own words. Invariant: a
//! word that the table does not know changes nothing.

use crate::clock::UnixMs;

/// What providers call the standard tier.
const STANDARD: [&str; 6] = ["standard", "default", "auto", "scale", "on_demand", "standard_only"];

/// Whether a tier, or a speed, is another word for the standard price.
pub fn is_standard_tier(name: &str) -> bool {
    STANDARD.contains(&name)
}

/// Under which conditions a call was, or would be, served.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// The served tier; `None` and `default` are the standard price.
    pub service_tier: Option<&'a str>,
    /// Anthropic's speed, `standard` or `fast`.
    pub speed: Option<&'a str>,
    /// Vertex's kind of traffic.
    pub traffic_type: Option<&'a str>,
    /// Perplexity's size of the search context: `low`, `medium` or `high`.
    pub search_context: Option<&'a str>,
    /// Where it was computed, where that has a price (Anthropic's `inference_geo`).
    pub region: Option<&'a str>,
    /// When the call arrived; prices change by date and hour.
    pub at: UnixMs,
}

impl<'a> Terms<'a> {
    /// The tiers that may be priced, the one that counts most first.
    pub(super) fn tiers(&self) -> impl Iterator<Item = &'a str> {
        let traffic = self.traffic_type.and_then(tier_of_traffic);
        let searched = self.search_context.and_then(tier_of_search);
        [self.speed, traffic, self.service_tier, searched].into_iter().flatten()
    }
}

fn tier_of_traffic(kind: &str) -> Option<&'static str> {
    match kind {
        "ON_DEMAND_PRIORITY" => Some("priority"),
        "ON_DEMAND_FLEX" => Some("flex"),
        "PROVISIONED_THROUGHPUT" => Some("provisioned"),
        _ => None,
    }
}

fn tier_of_search(size: &str) -> Option<&'static str> {
    match size {
        "low" => Some("search_low"),
        "medium" => Some("search_medium"),
        "high" => Some("search_high"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_become_tiers_in_order_of_their_weight() {
        let terms = Terms {
            service_tier: Some("batch"),
            speed: Some("fast"),
            traffic_type: Some("ON_DEMAND_PRIORITY"),
            search_context: Some("low"),
            ..Terms::default()
        };
        let tiers: Vec<_> = terms.tiers().collect();
        assert_eq!(tiers, ["fast", "priority", "batch", "search_low"]);
        let unknown = Terms { traffic_type: Some("ON_DEMAND"), ..Terms::default() };
        assert_eq!(unknown.tiers().count(), 0);
    }
}
