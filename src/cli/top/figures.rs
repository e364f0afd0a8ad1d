//! What `top` shows, read from the answers of the admin API. Pure.

use crate::clock::{UnixMs, rfc3339_seconds};
use crate::money::NanoUsd;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The time that figures are summed over.
pub(super) const WINDOW_SECONDS: u32 = 60;

/// Who spent something in the last minute.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Spender {
    pub(super) user: String,
    pub(super) requests: u64,
    pub(super) tokens: u64,
    pub(super) cost: NanoUsd,
    /// `llm_quota` of the user; null where it was not asked for, or the user is gone.
    pub(super) quota: Value,
    /// The user's status word; null like it.
    pub(super) status: Value,
}

/// The credentials of a provider by their state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pool {
    pub(super) provider: String,
    pub(super) credentials: u64,
    /// Those that calls are sent with.
    pub(super) usable: u64,
    /// The others, each with its state.
    pub(super) out: BTreeMap<String, String>,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Notice {
    pub(super) level: String,
    pub(super) account: String,
    pub(super) title: String,
}

/// What one proxy says of itself; `None` where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Gauges {
    pub(super) streams: Option<f64>,
    pub(super) holds: Option<f64>,
    pub(super) refusals_per_second: Option<f64>,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Figures {
    pub(super) at: UnixMs,
    /// By what they spent, most first.
    pub(super) spenders: Vec<Spender>,
    pub(super) pools: Vec<Pool>,
    /// The gravest first.
    pub(super) notices: Vec<Notice>,
    pub(super) gauges: Gauges,
}

impl Figures {
    pub(super) fn requests(&self) -> u64 {
        self.spenders.iter().map(|spender| spender.requests).fold(0, u64::saturating_add)
    }

    pub(super) fn tokens(&self) -> u64 {
        self.spenders.iter().map(|spender| spender.tokens).fold(0, u64::saturating_add)
    }

    pub(super) fn cost(&self) -> NanoUsd {
        self.spenders.iter().fold(NanoUsd::ZERO, |sum, one| sum.saturating_add(one.cost))
    }

    /// For scripts: one line of `farebox top`. `shown` spenders at most.
    pub(super) fn object(&self, shown: usize) -> Value {
        let spenders = self.spenders.iter().take(shown).map(|spender| {
            json!({
                "user": spender.user,
                "requests": spender.requests,
                "tokens": spender.tokens,
                "cost_usd": spender.cost.to_string(),
                "cost_nanousd": spender.cost,
                "status": spender.status,
                "llm_quota": spender.quota,
            })
        });
        let pools = self.pools.iter().map(|pool| {
            json!({
                "provider": pool.provider,
                "credentials": pool.credentials,
                "usable": pool.usable,
                "out": pool.out,
            })
        });
        let notices = self.notices.iter().take(shown).map(|notice| {
            json!({"level": notice.level, "account": notice.account, "title": notice.title})
        });
        json!({
            "time": rfc3339_seconds(self.at),
            "window_seconds": WINDOW_SECONDS,
            "requests": self.requests(),
            "requests_per_second": per_second(self.requests()),
            "tokens_per_minute": self.tokens(),
            "cost_usd_per_minute": self.cost().to_string(),
            "cost_nanousd_per_minute": self.cost(),
            "active_streams": self.gauges.streams,
            "open_holds": self.gauges.holds,
            "refusals_per_second": self.gauges.refusals_per_second.map(thousandths),
            "spenders": spenders.collect::<Vec<_>>(),
            "providers": pools.collect::<Vec<_>>(),
            "alerts": notices.collect::<Vec<_>>(),
        })
    }
}

/// Of what was counted in the window.
pub(super) fn per_second(count: u64) -> f64 {
    let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    thousandths(count / f64::from(WINDOW_SECONDS))
}

fn thousandths(figure: f64) -> f64 {
    (figure * 1_000.0).round() / 1_000.0
}

/// Spenders, from rows of usage by user.
pub(super) fn spenders(rows: &Value) -> Vec<Spender> {
    let of = |row: &Value| Spender {
        user: row["user"].as_str().unwrap_or_default().to_owned(),
        requests: row["requests"].as_u64().unwrap_or(0),
        tokens: row["tokens"].as_u64().unwrap_or(0),
        cost: NanoUsd::new(row["cost_nanousd"].as_i64().unwrap_or(0)),
        ..Spender::default()
    };
    let mut all: Vec<Spender> = rows.as_array().into_iter().flatten().map(of).collect();
    all.sort_by(|a, b| b.cost.cmp(&a.cost).then_with(|| a.user.cmp(&b.user)));
    all
}

/// Notices, from those of the quota API.
pub(super) fn notices(list: &Value) -> Vec<Notice> {
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let of = |one: &Value| Notice {
        level: text(one, "level"),
        account: text(one, "account"),
        title: text(one, "title"),
    };
    list.as_array().into_iter().flatten().map(of).collect()
}

/// Pools, from the list of credentials.
pub(super) fn pools(credentials: &[Value]) -> Vec<Pool> {
    let mut pools = BTreeMap::<&str, Pool>::new();
    for credential in credentials {
        let text = |name: &str| credential[name].as_str().unwrap_or_default();
        let pool = pools.entry(text("provider")).or_default();
        pool.provider = text("provider").to_owned();
        pool.credentials = pool.credentials.saturating_add(1);
        match text("status") {
            "available" | "warning" | "critical" => pool.usable = pool.usable.saturating_add(1),
            state => {
                pool.out.insert(text("config_id").to_owned(), state.to_owned());
            }
        }
    }
    pools.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spenders_are_ordered_by_what_they_spent() {
        let rows = json!([
            {"user": "a", "requests": 1, "tokens": 10, "cost_nanousd": 5},
            {"user": "b", "requests": 2, "tokens": 20, "cost_nanousd": 3_500_000_000_i64},
            {"user": "c", "requests": 3, "tokens": 30, "cost_nanousd": 5},
        ]);
        let figures = Figures { spenders: spenders(&rows), ..Figures::default() };
        let order: Vec<&str> = figures.spenders.iter().map(|one| one.user.as_str()).collect();
        assert_eq!(order, ["b", "a", "c"]);
        let object = figures.object(1);
        assert_eq!(object["cost_usd_per_minute"], "3.50000001");
        assert_eq!((&object["requests"], &object["tokens_per_minute"]), (&json!(6), &json!(60)));
        assert_eq!(object["requests_per_second"], json!(0.1));
        assert_eq!(object["spenders"].as_array().unwrap().len(), 1);
        assert_eq!(object["active_streams"], Value::Null);
    }

    #[test]
    fn a_pool_counts_what_calls_are_sent_with() {
        let of = |name: &str, status: &str| json!({"provider": "groq", "config_id": name, "status": status});
        let pools = pools(&[of("a", "available"), of("b", "critical"), of("c", "cooling_down")]);
        assert_eq!((pools[0].credentials, pools[0].usable), (3, 2));
        assert_eq!(pools[0].out["c"], "cooling_down");
    }
}
