//! Calling the script that holds more for an open call, and reading what it answers.
//!
//! Invariant: it is never sent twice, since it adds each time.

use super::super::extending::Extension;
use super::super::order::{Amounts, LimitDenial, Payers, Unavailable};
use super::script::Failure;
use super::{RedisLedger, Reply, connect, keys, texts};
use crate::ids::CallId;

impl RedisLedger {
    /// See [`super::super::Ledger::extend`].
    pub(super) async fn hold_more(
        &self,
        id: CallId,
        payers: &Payers,
        more: Amounts,
    ) -> Result<Extension, Unavailable> {
        more.check()?;
        let mut keys = vec![keys::hold(&id)];
        for account in payers.accounts() {
            keys.extend([keys::account(&account), keys::holds(&account)]);
        }
        let [usd, tokens, characters] = texts(more);
        let default = self.options.default_enforcement.as_str().to_owned();
        let arguments = [id.to_string(), default, usd, tokens, characters];
        let call = self.scripts.extend.call(&self.options, &keys, &arguments);
        let on = self.connections.holds().await.map_err(Failure::from)?;
        let ran = self.scripts.extend.run(&on, &call);
        let late = |_| Unavailable("redis did not answer in time whether more is held".to_owned());
        let reply: String = tokio::time::timeout(connect::HOLD, ran).await.map_err(late)??;
        self.read_extension(&reply, payers)
    }

    fn read_extension(&self, reply: &str, payers: &Payers) -> Result<Extension, Unavailable> {
        let mut reply = Reply::new(reply);
        match reply.text()? {
            "held" => Ok(Extension::Held),
            "ended" => Ok(Extension::Ended),
            "limit" => {
                let now = reply.number()?;
                let account = reply.account(payers, None)?;
                let wanted = reply.number()?;
                let standing = reply.standing(&account, &self.moment(now))?;
                Ok(Extension::Exhausted(Box::new(LimitDenial { standing, wanted, now })))
            }
            other => Err(Unavailable(format!("redis answered `{other}` to the wish for more"))),
        }
    }
}
