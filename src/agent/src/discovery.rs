//! The discovery actor: keeps the service discovery file equal to the pool.
//!
//! One call a round, whatever the pool's size. A failed call changes nothing (guarantee G10), and a
//! member leaves the file only when two reads in a row lack it. Members that run and have no
//! address of the kind asked for are counted, so that a pool of such members does not look like
//! none. Likewise those with an address that no member can have, which nobody is to scrape.
//!
//! Where the list differs from the pool as it was last read, the scaler is to look again: what the
//! outside sees is then no older than a round.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::{Discriminant, discriminant},
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use actix::{
    Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, MailboxError, Recipient,
    SpawnHandle, WrapFuture as _,
};
use policy::{Member, ReadFailure};
use program::error_chain::with_causes;
use tokio::time::sleep;
use whole_file::FileError;

use super::{
    config::Discovery as Settings,
    file_sd::{self, TargetGroup},
    member_address::{Reach, Unfit},
    messages::{ListMembers, ListNow, Ping},
    read_model::{ReadModel, Shown},
    signal_inbox::SignalInbox,
    target::TargetError,
};

/// Rounds after a change in which the pool is read, too, while members are missing or cannot serve:
/// two minutes by default, in which a member boots and its load balancer notices.
const LOOKS: u32 = 12;

type Addresses = BTreeSet<IpAddr>;

#[derive(Debug)]
pub(crate) struct Discovery {
    settings: Settings,
    reach: Reach,
    cloud: Recipient<ListMembers>,
    /// Where the scaler is told to look again.
    inbox: Arc<SignalInbox>,
    read_model: Arc<ReadModel>,
    /// Rounds in which the pool may still be read without a change.
    looks: u32,
    /// Rounds in a row in which the members were listed and the pool could not be read.
    unknown: u32,
    /// The wait for the next round.
    pause: Option<SpawnHandle>,
    /// Whether somebody asked for a round while one was under way.
    is_asked_again: bool,
    /// The members as last known; `None` when nothing is known yet.
    known: Option<Addresses>,
    /// Running members without an address, as last counted.
    unreachable: usize,
    /// Addresses that no member can have, as last told of.
    unfit: BTreeMap<IpAddr, Unfit>,
    /// Why the members could not be listed, as last said: what lasts is said once.
    failure: Option<Discriminant<ReadFailure>>,
}

/// Why there is no list of the members.
enum ListFailure {
    Target(TargetError),
    Gone(MailboxError),
}

/// What a list of the members says.
#[derive(Debug, Default)]
struct Listed {
    /// As the API listed them last.
    members: Vec<Member>,
    addresses: Addresses,
    /// Members that run and have no address of the kind asked for.
    unreachable: usize,
    /// Addresses that are no member's.
    unfit: BTreeMap<IpAddr, Unfit>,
}

impl Discovery {
    /// A discovery that starts from what the file already holds.
    pub(crate) fn new(
        settings: Settings,
        reach: Reach,
        cloud: Recipient<ListMembers>,
        inbox: Arc<SignalInbox>,
        read_model: Arc<ReadModel>,
    ) -> Self {
        let known = file_sd::read(&settings.file).and_then(|groups| file_sd::addresses(&groups));
        Self {
            settings,
            reach,
            cloud,
            inbox,
            read_model,
            looks: 0,
            unknown: 0,
            pause: None,
            is_asked_again: false,
            known,
            unreachable: 0,
            unfit: BTreeMap::new(),
            failure: None,
        }
    }

    fn round(&mut self, ctx: &mut Context<Self>) {
        self.pause = None;
        let listed = list(
            self.cloud.clone(),
            self.known.clone(),
            self.reach,
            self.settings.confirm_after,
        );
        let ended = listed.into_actor(self).map(|listed, discovery, ctx| {
            match listed {
                Ok(listed) => return discovery.end_round(listed, ctx),
                Err(ListFailure::Target(error)) => discovery.note_failure(&error),
                Err(ListFailure::Gone(error)) => tracing::error!(%error, "Cloud actor is gone."),
            }
            discovery.again(ctx);
        });
        ctx.spawn(ended);
    }

    fn note_failure(&mut self, error: &TargetError) {
        let kind = discriminant(&error.read_failure);
        let is_known = self.failure == Some(kind);
        // A pause is what an earlier failure led to.
        let follows = self.failure.is_some() && error.is_paused;
        if is_known || follows {
            tracing::debug!(%error, "Still cannot list instances.");
        } else {
            tracing::warn!(%error, "Cannot list instances; keeping the last discovery file.");
            self.failure = Some(kind);
        }
    }

    fn end_round(&mut self, listed: Listed, ctx: &mut Context<Self>) {
        if self.failure.take().is_some() {
            tracing::info!("Instances are listed again.");
        }
        self.compare(&listed.members);
        self.note_unreachable(&listed);
        self.note_unfit(listed.unfit);
        let members = listed.addresses;
        let labels = &self.settings.labels;
        let groups = file_sd::document(members.iter().copied(), self.settings.target_port, labels);
        self.known = Some(members);
        self.read_model.discovered(&groups);
        let written = write(self.settings.file.clone(), groups);
        ctx.spawn(written.into_actor(self).map(|result, discovery, ctx| {
            let problem = result.err().map(|error| with_causes(&error));
            if let Some(error) = &problem {
                tracing::error!(error, "Service discovery file is not written.");
            }
            discovery.read_model.file_written(problem);
            discovery.again(ctx);
        }));
    }

    /// Has the pool read where the list shows that what was read is old, or may be.
    fn compare(&mut self, members: &[Member]) {
        let shown = self.read_model.shown(members);
        self.unknown = match shown {
            Shown::Unknown => self.unknown.saturating_add(1),
            _ => 0,
        };
        let is_due = match shown {
            Shown::Current => false,
            Shown::Outdated => {
                self.looks = LOOKS;
                true
            }
            Shown::Unsettled => {
                let is_left = self.looks > 0;
                self.looks = self.looks.saturating_sub(1);
                is_left
            }
            // At once, and then ever more rarely: what is broken is not stormed.
            Shown::Unknown => self.unknown.is_power_of_two(),
        };
        if is_due {
            self.inbox.pool_changed();
        }
    }

    fn note_unreachable(&mut self, listed: &Listed) {
        let (count, kind) = (listed.unreachable, self.settings.addresses);
        if count > 0 && count != self.unreachable {
            let addresses = kind.as_str();
            tracing::warn!(
                count,
                addresses,
                "Running members have no address of this kind; they are not in the discovery file."
            );
        }
        self.unreachable = count;
        let unfit = listed.unfit.len();
        self.read_model.members_out_of_reach(count, unfit, kind);
    }

    fn note_unfit(&mut self, unfit: BTreeMap<IpAddr, Unfit>) {
        for (address, why) in &unfit {
            if !self.unfit.contains_key(address) {
                self.read_model
                    .counters()
                    .address_refused("discovery", *why);
                tracing::warn!(%address, %why, "Address is refused: it is not written into the discovery file.");
            }
        }
        self.unfit = unfit;
    }

    /// The next round begins one interval after this one ended, so a slow API causes no pile-up.
    fn again(&mut self, ctx: &mut Context<Self>) {
        if std::mem::take(&mut self.is_asked_again) {
            return self.round(ctx);
        }
        let pause = ctx.run_later(self.settings.interval, |discovery, ctx| {
            discovery.round(ctx);
        });
        self.pause = Some(pause);
    }
}

/// Lists the members, and once more when one seems to have gone, or all, for all that is known.
async fn list(
    cloud: Recipient<ListMembers>,
    known: Option<Addresses>,
    reach: Reach,
    confirm_after: Duration,
) -> Result<Listed, ListFailure> {
    let first = list_once(&cloud, reach).await?;
    let is_plausible = match &known {
        Some(known) => known.is_subset(&first.addresses),
        None => !first.addresses.is_empty(),
    };
    if is_plausible {
        return Ok(first);
    }
    let known = known.unwrap_or_default();
    sleep(confirm_after).await;
    let second = list_once(&cloud, reach).await?;
    let in_doubt = first.addresses.union(&second.addresses).copied();
    Ok(Listed {
        addresses: in_doubt
            .filter(|ip| second.addresses.contains(ip) || known.contains(ip))
            .collect(),
        ..second
    })
}

async fn list_once(cloud: &Recipient<ListMembers>, reach: Reach) -> Result<Listed, ListFailure> {
    let members = cloud.send(ListMembers).await.map_err(ListFailure::Gone)?;
    Ok(listed(&members.map_err(ListFailure::Target)?, reach))
}

/// Members that have an address; one that is being made has none yet.
fn listed(members: &[Member], reach: Reach) -> Listed {
    let mut listed = Listed {
        members: members.to_vec(),
        ..Listed::default()
    };
    for member in members {
        match member.address {
            Some(address) => match reach.check(address) {
                Ok(()) => drop(listed.addresses.insert(address)),
                Err(unfit) => drop(listed.unfit.insert(address, unfit)),
            },
            None if member.running => listed.unreachable += 1,
            None => {}
        }
    }
    listed
}

/// Writes the file where that is needed.
async fn write(path: PathBuf, groups: Vec<TargetGroup>) -> Result<(), FileError> {
    let write = tokio::task::spawn_blocking({
        let path = path.clone();
        move || file_sd::update(&path, &groups)
    });
    write.await.unwrap_or_else(|panic| {
        Err(FileError::Io {
            action: "write",
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

impl Handler<ListNow> for Discovery {
    type Result = ();

    fn handle(&mut self, _: ListNow, ctx: &mut Self::Context) {
        match self.pause.take() {
            Some(pause) => {
                ctx.cancel_future(pause);
                self.round(ctx);
            }
            None => self.is_asked_again = true,
        }
    }
}

impl Handler<Ping> for Discovery {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}
