//! Notices an actor that died or hangs (guarantee G15).
//!
//! A dead actor ends the process with an error, so that systemd starts it again; a slow one turns
//! `/healthz` red and withholds the watchdog ping from systemd.

use std::{sync::Arc, time::Duration};

use actix::{MailboxError, Recipient};
use futures_util::future::join_all;
use tokio::time::sleep;

use super::{config::PoolName, messages::Ping, read_model::ReadModel};

/// Pause between two rounds of questions.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long an actor may take to answer; longer than a slow disk's sync.
const PATIENCE: Duration = Duration::from_secs(10);

/// An actor has died.
#[derive(Debug, thiserror::Error)]
#[error("the {actor} actor{} has died", pool.as_ref().map(|pool| format!(" of pool {pool}")).unwrap_or_default())]
pub struct ActorDied {
    actor: &'static str,
    pool: Option<PoolName>,
}

/// The actors of one pool, and where it is told how they are.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) pool: Option<PoolName>,
    pub(crate) actors: Vec<(&'static str, Recipient<Ping>)>,
    pub(crate) read_model: Arc<ReadModel>,
}

/// Asks the actors for ever, those of a pool one after the other; returns only when one has died.
/// One pool that hangs withholds the ping for all: the restart is what helps it.
pub(crate) async fn watch(pools: Vec<Watched>) -> ActorDied {
    loop {
        let rounds = join_all(pools.iter().map(Watched::round)).await;
        let mut all_answer = true;
        for round in rounds {
            match round {
                Ok(answers) => all_answer &= answers,
                Err(died) => return died,
            }
        }
        if all_answer {
            // Outside systemd there is nobody to tell, and nothing to do about it.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        }
        sleep(INTERVAL).await;
    }
}

impl Watched {
    /// Asks each actor once; whether all answered.
    async fn round(&self) -> Result<bool, ActorDied> {
        let mut hanging = None;
        for (actor, recipient) in &self.actors {
            match recipient.send(Ping).timeout(PATIENCE).await {
                Ok(()) => {}
                Err(MailboxError::Closed) => {
                    let problem = format!("the {actor} actor has died");
                    self.read_model.actors_answered(Some(problem));
                    let pool = self.pool.clone();
                    return Err(ActorDied { actor, pool });
                }
                Err(MailboxError::Timeout) => {
                    hanging = Some(format!("the {actor} actor does not answer"));
                }
            }
        }
        let all_answer = hanging.is_none();
        self.read_model.actors_answered(hanging);
        Ok(all_answer)
    }
}
