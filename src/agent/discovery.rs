//! The discovery actor: keeps the service discovery file equal to the pool.
//!
//! One call a round, whatever the pool's size. A failed call changes nothing (guarantee G10), and a
//! member leaves the file only when two reads in a row lack it.

use std::{collections::BTreeSet, net::Ipv4Addr, path::PathBuf, sync::Arc};

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
    /// The members as last known.
    known: Addresses,
    /// What the file holds, as far as this process knows.
    written: Option<Vec<TargetGroup>>,
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
        let written = file_sd::read(&settings.file);
        let targets = written.iter().flatten().flat_map(|group| &group.targets);
        let known = targets
            .filter_map(|target| target.parse::<std::net::SocketAddrV4>().ok())
            .map(|target| *target.ip())
            .collect();
        Self {
            settings,
            cloud,
            read_model,
            known,
            written,
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
        self.known = members;
        self.read_model.discovered(&groups);
        if self.written.as_ref() == Some(&groups) {
            return self.again(ctx);
        }
        let written = write(self.settings.file.clone(), groups.clone());
        ctx.spawn(written.into_actor(self).map(|result, discovery, ctx| {
            match &result {
                Ok(()) => discovery.written = Some(groups),
                Err(error) => tracing::error!(%error, "Service discovery file is not written."),
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

/// Lists the members, and once more when one seems to have gone.
async fn list(
    cloud: Recipient<ListMembers>,
    known: Addresses,
    confirm_after: std::time::Duration,
) -> Round {
    let Some(first) = list_once(&cloud).await else {
        return Round::Failed;
    };
    if known.is_subset(&first) {
        return Round::Listed(first);
    }
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

async fn write(path: PathBuf, groups: Vec<TargetGroup>) -> Result<(), FileError> {
    let write = tokio::task::spawn_blocking({
        let path = path.clone();
        move || file_sd::replace(&path, &groups)
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
