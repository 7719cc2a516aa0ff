//! The discovery actor: keeps the service discovery file equal to the pool.
//!
//! One call a round, whatever the pool's size. A failed call changes nothing (guarantee G10), and a
//! member leaves the file only when two reads in a row lack it.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
    sync::Arc,
};

use actix::{
    Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, Recipient, WrapFuture as _,
};
use tokio::time::sleep;

use super::{
    config::Discovery as Settings,
    file_sd::{self, FileError, TargetGroup},
    messages::{ListMembers, Ping},
    read_model::ReadModel,
};
use crate::exoscale::models::Instance;

type Addresses = BTreeSet<Ipv4Addr>;

/// The actor.
#[derive(Debug)]
pub struct Discovery {
    settings: Settings,
    cloud: Recipient<ListMembers>,
    read_model: Arc<ReadModel>,
    /// The members as last known; `None` when nothing is known yet.
    known: Option<Addresses>,
}

/// What a round came to.
enum Round {
    Failed,
    Listed(Addresses),
}

impl Discovery {
    /// A discovery that starts from what the file already holds.
    pub fn new(
        settings: Settings,
        cloud: Recipient<ListMembers>,
        read_model: Arc<ReadModel>,
    ) -> Self {
        file_sd::remove_leftover(&settings.file);
        let known = file_sd::read(&settings.file).and_then(|groups| {
            let targets = groups.iter().flat_map(|group| &group.targets);
            let address = |target: &String| Some(*target.parse::<SocketAddrV4>().ok()?.ip());
            targets.map(address).collect()
        });
        Self {
            settings,
            cloud,
            read_model,
            known,
        }
    }

    fn round(&self, ctx: &mut Context<Self>) {
        let listed = list(
            self.cloud.clone(),
            self.known.clone(),
            self.settings.confirm_after,
        );
        ctx.spawn(listed.into_actor(self).map(|round, discovery, ctx| {
            discovery.end_round(round, ctx);
        }));
    }

    fn end_round(&mut self, round: Round, ctx: &mut Context<Self>) {
        let Round::Listed(members) = round else {
            return self.again(ctx);
        };
        let labels = &self.settings.labels;
        let groups = file_sd::document(members.iter().copied(), self.settings.target_port, labels);
        self.known = Some(members);
        self.read_model.discovered(&groups);
        let written = write(self.settings.file.clone(), groups);
        ctx.spawn(written.into_actor(self).map(|result, discovery, ctx| {
            if let Err(error) = &result {
                tracing::error!(%error, "Service discovery file is not written.");
            }
            discovery
                .read_model
                .file_written(result.err().map(|e| e.to_string()));
            discovery.again(ctx);
        }));
    }

    /// The next round begins one interval after this one ended, so a slow API causes no pile-up.
    fn again(&self, ctx: &mut Context<Self>) {
        ctx.run_later(self.settings.interval, |discovery, ctx| {
            discovery.round(ctx);
        });
    }
}

/// Lists the members, and once more when one seems to have gone, or all, for all that is known.
async fn list(
    cloud: Recipient<ListMembers>,
    known: Option<Addresses>,
    confirm_after: std::time::Duration,
) -> Round {
    let Some(first) = list_once(&cloud).await else {
        return Round::Failed;
    };
    let is_plausible = match &known {
        Some(known) => known.is_subset(&first),
        None => !first.is_empty(),
    };
    if is_plausible {
        return Round::Listed(first);
    }
    let known = known.unwrap_or_default();
    sleep(confirm_after).await;
    let Some(second) = list_once(&cloud).await else {
        return Round::Failed;
    };
    let in_doubt = first.union(&second).copied();
    Round::Listed(
        in_doubt
            .filter(|ip| second.contains(ip) || known.contains(ip))
            .collect(),
    )
}

async fn list_once(cloud: &Recipient<ListMembers>) -> Option<Addresses> {
    match cloud.send(ListMembers).await {
        Ok(Ok(members)) => Some(addresses(&members)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "Members cannot be listed; the file stays as it is.");
            None
        }
        Err(error) => {
            tracing::error!(%error, "Cloud actor is gone.");
            None
        }
    }
}

/// Members that have an address; one that is being made has none yet.
fn addresses(members: &[Instance]) -> Addresses {
    members
        .iter()
        .filter_map(|member| member.public_ip)
        .collect()
}

/// Writes the file unless it holds just this. It is looked at each time: somebody may have removed it.
async fn write(path: PathBuf, groups: Vec<TargetGroup>) -> Result<(), FileError> {
    let write = tokio::task::spawn_blocking({
        let path = path.clone();
        move || match file_sd::read(&path) {
            Some(held) if held == groups => Ok(()),
            _ => file_sd::replace(&path, &groups),
        }
    });
    write.await.unwrap_or_else(|panic| {
        Err(FileError::Io {
            path,
            source: std::io::Error::other(panic),
        })
    })
}

impl Actor for Discovery {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.round(ctx);
    }
}

impl Handler<Ping> for Discovery {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}
