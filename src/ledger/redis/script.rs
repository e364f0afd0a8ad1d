//! The scripts, and how they are called: by digest, with the source where Redis lost it.

use super::super::moment::Moment;
use super::super::options::Options;
use super::super::order::Unavailable;
use super::super::registry::RegistryError;
use redis::aio::ConnectionManager;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, ToRedisArgs};

/// One script with its digest.
#[derive(Debug)]
pub struct Script {
    source: &'static str,
    digest: String,
    /// Running it twice is as good as running it once.
    repeatable: bool,
}

/// All scripts.
#[derive(Debug)]
pub struct Scripts {
    pub hold: Script,
    pub extend: Script,
    pub settle: Script,
    pub fold: Script,
    pub renew: Script,
    pub create: Script,
    pub change: Script,
    pub reset: Script,
    pub delete: Script,
    pub attempt: Script,
    pub attempt_end: Script,
    pub attempt_renew: Script,
    pub forget: Script,
    pub rank: Script,
    pub relocate: Script,
    pub record_put: Script,
    pub record_get: Script,
    pub record_take: Script,
    pub alert_raise: Script,
    pub alert_claim: Script,
    pub alert_settle: Script,
    pub mark_forget: Script,
    pub snapshots_keep: Script,
}

macro_rules! script {
    ($($file:literal),+) => {
        script!(includes "head.lua", "prelude.lua", $($file),+)
    };
    (short $short:literal, $($file:literal),+) => {
        script!(includes "head.lua", "plain.lua", $short, "prelude.lua", $($file),+)
    };
    (includes $($file:literal),+) => {
        Script::new(concat!($(include_str!($file), "\n"),+))
    };
}

impl Scripts {
    /// Digests the scripts.
    pub fn new() -> Self {
        Self {
            hold: script!(short "hold_plain.lua", "asking.lua", "hold.lua"),
            extend: Script { repeatable: false, ..script!("extend.lua") },
            settle: script!(
                includes "head.lua",
                "plain.lua",
                "rollup.lua",
                "settle_plain.lua",
                "prelude.lua",
                "correcting.lua",
                "settle.lua"
            ),
            fold: script!(includes "head.lua", "rollup.lua", "rollup_fold.lua"),
            renew: script!("renew.lua"),
            create: Script { repeatable: false, ..script!("create.lua") },
            change: script!("change.lua"),
            reset: script!("reset.lua"),
            delete: Script { repeatable: false, ..script!("delete.lua") },
            attempt: script!("asking.lua", "attempt.lua"),
            attempt_end: script!("correcting.lua", "attempt_end.lua"),
            attempt_renew: script!("attempt_renew.lua"),
            forget: Script { repeatable: false, ..script!("forget.lua") },
            rank: script!("rank.lua"),
            relocate: script!("move.lua"),
            record_put: Script {
                repeatable: false,
                ..script!(includes "head.lua", "record_put.lua")
            },
            record_get: script!(includes "head.lua", "record_get.lua"),
            record_take: Script {
                repeatable: false,
                ..script!(includes "head.lua", "record_get.lua")
            },
            alert_raise: Script {
                repeatable: false,
                ..script!(includes "head.lua", "alert_raise.lua")
            },
            alert_claim: Script {
                repeatable: false,
                ..script!(includes "head.lua", "alert_claim.lua")
            },
            alert_settle: script!(includes "head.lua", "alert_settle.lua"),
            mark_forget: script!(includes "head.lua", "mark_forget.lua"),
            snapshots_keep: script!(includes "head.lua", "snapshots_keep.lua"),
        }
    }

    fn all(&self) -> [&Script; 23] {
        [
            &self.hold,
            &self.extend,
            &self.settle,
            &self.fold,
            &self.renew,
            &self.create,
            &self.change,
            &self.reset,
            &self.delete,
            &self.attempt,
            &self.attempt_end,
            &self.attempt_renew,
            &self.forget,
            &self.rank,
            &self.relocate,
            &self.record_put,
            &self.record_get,
            &self.record_take,
            &self.alert_raise,
            &self.alert_claim,
            &self.alert_settle,
            &self.mark_forget,
            &self.snapshots_keep,
        ]
    }

    /// Names this set of scripts in `farebox:meta`.
    pub fn version(&self) -> String {
        let digests = self.all().map(|script| script.digest.as_str());
        redis::Script::new(&digests.join(" ")).get_hash().get(..12).unwrap_or_default().to_owned()
    }

    /// How many of the scripts Redis has, and how many there are.
    pub async fn loaded(&self, on: &mut ConnectionManager) -> redis::RedisResult<(usize, usize)> {
        let digests = self.all().map(|script| script.digest.as_str());
        let mut ask = redis::cmd("SCRIPT");
        let there: Vec<bool> = ask.arg("EXISTS").arg(&digests).query_async(on).await?;
        Ok((there.into_iter().filter(|there| *there).count(), digests.len()))
    }

    /// Loads all scripts.
    pub async fn load(&self, to: &mut ConnectionManager) -> redis::RedisResult<()> {
        for script in self.all() {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(script.source).query_async::<String>(to).await?;
        }
        Ok(())
    }
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, digest: redis::Script::new(source).get_hash().to_owned(), repeatable: true }
    }

    /// A call of the script at this moment.
    pub fn call<K: ToRedisArgs, A: ToRedisArgs>(
        &self,
        options: &Options,
        keys: &[K],
        rest: &[A],
    ) -> Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&self.digest).arg(keys.len()).arg(keys);
        match options.clock.moved_by_hand() {
            Some(at) => call.arg(at),
            None => call.arg(""),
        };
        call.arg(options.calendar.offset_seconds(options.clock.now())).arg(rest);
        call
    }

    /// Makes a call, with the source where Redis lost it.
    pub async fn run<T: FromRedisValue>(
        &self,
        on: &ConnectionManager,
        call: &Cmd,
    ) -> Result<T, Failure> {
        let mut on = on.clone();
        let mut ran = call.query_async(&mut on).await;
        if self.repeatable && ran.as_ref().is_err_and(severed) {
            ran = call.query_async(&mut on).await;
        }
        let lost = ErrorKind::Server(ServerErrorKind::NoScript);
        if ran.as_ref().is_err_and(|error: &RedisError| error.kind() == lost) {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(self.source);
            load.query_async::<()>(&mut on).await.map_err(Failure::from)?;
            ran = call.query_async(&mut on).await;
        }
        ran.map_err(Failure::from)
    }
}

/// The connection was found dead: what was sent on it may be sent again on the next one, if doing
/// it twice does no harm.
pub fn severed(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_timeout()
}

/// Why Redis did not do something.
#[derive(Debug)]
pub struct Failure {
    pub why: Unavailable,
    /// It will not do this one thing while its data are as they are; others it may do.
    pub alone: bool,
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        let text = error.to_string();
        let damaged = match error.code() {
            Some("WRONGTYPE") => true,
            Some("ERR") => text.contains("user_script"),
            _ => false,
        };
        // Older servers wrap these into what a script raises.
        let full = ["OOM ", "MISCONF ", "READONLY ", "NOREPLICAS "];
        let alone = damaged && !full.iter().any(|code| text.contains(code));
        Self { why: Unavailable(format!("redis: {text}")), alone }
    }
}

impl From<Failure> for Unavailable {
    fn from(failure: Failure) -> Self {
        failure.why
    }
}

impl From<Failure> for RegistryError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.why)
    }
}

/// This moment by the clock of this process; for what is shown, never for what is charged.
pub fn moment(options: &Options) -> Moment {
    Moment::at(&options.calendar, options.clock.now())
}
