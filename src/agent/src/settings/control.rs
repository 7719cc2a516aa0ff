//! Who may give orders to the running agent.

use super::reader::Reader;
use crate::{
    config::{Alerts, Token},
    control::ControlSettings,
};

pub(super) fn control(r: &mut Reader<'_>, alerts: Option<&Alerts>) -> Option<ControlSettings> {
    const KEY: &str = "control.token";
    let token = r.optional::<Token>(KEY);
    let max_size = r.count("control.max_size");
    if let (Some(token), Some(alerts)) = (&token, alerts) {
        let senders = &alerts.authentication;
        let others = [
            ("alerts.token", senders.bearer.as_ref()),
            (
                "alerts.password",
                senders.basic.as_ref().map(|login| &login.password),
            ),
            (
                "alerts.hmac_secret",
                senders.hmac.as_ref().map(|hmac| &hmac.secret),
            ),
        ];
        let same = others.into_iter().find(|(_, other)| *other == Some(token));
        if let Some((other, _)) = same {
            let same_as = |key: &str| {
                format!(
                    "is the same as {key}, so whoever sends alerts could give orders; make another, such as with `openssl rand -hex 32`"
                )
            };
            r.contradiction([(KEY, same_as(other)), (other, same_as(KEY))]);
        }
    }
    Some(ControlSettings {
        token,
        max_size: max_size?.get(),
    })
}
