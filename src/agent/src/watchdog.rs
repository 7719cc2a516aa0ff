//! Notices an actor that died or hangs (guarantee G15).
//!
//! A dead actor ends the process with an error, so that systemd starts it again; a slow one turns
//! `/healthz` red and withholds the watchdog ping from systemd.

use std::{sync::Arc, time::Duration};

use actix::{MailboxError, Recipient};
use tokio::time::sleep;

use super::{messages::Ping, read_model::ReadModel};

/// Pause between two rounds of questions.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long an actor may take to answer; longer than a slow disk's sync.
const PATIENCE: Duration = Duration::from_secs(10);

/// An actor has died.
#[derive(Debug, thiserror::Error)]
#[error("the {0} actor has died")]
pub struct ActorDied(&'static str);

/// Asks the actors one after the other for ever; returns only when one has died.
pub(crate) async fn watch(
    actors: Vec<(&'static str, Recipient<Ping>)>,
    read_model: Arc<ReadModel>,
) -> ActorDied {
    loop {
        let mut hanging = None;
        for (name, actor) in &actors {
            match actor.send(Ping).timeout(PATIENCE).await {
                Ok(()) => {}
                Err(MailboxError::Closed) => {
                    read_model.actors_answered(Some(format!("the {name} actor has died")));
                    return ActorDied(name);
                }
                Err(MailboxError::Timeout) => {
                    hanging = Some(format!("the {name} actor does not answer"));
                }
            }
        }
        if hanging.is_none() {
            // Outside systemd there is nobody to tell, and nothing to do about it.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        }
        read_model.actors_answered(hanging);
        sleep(INTERVAL).await;
    }
}
