//! The members of a service, and the list of them that new connections are balanced over.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

use super::{Strategy, selection::Selection, stats::Counter};

/// Whether a member takes new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// Its last check succeeded, or too few in a row have failed.
    Success,
    /// It has not passed a check yet, or has failed too many in a row.
    Failure,
}

/// One member, from the moment it enters the list until its last connection ends.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) address: SocketAddr,
    healthy: AtomicBool,
    /// Connections to it that are open now.
    pub(super) open: Counter,
    /// Cancelled when it leaves the list or the service stops.
    pub(super) removed: CancellationToken,
    /// Cancelled when its connections must end now.
    pub(super) cut: CancellationToken,
}

impl Member {
    /// A member that counts as failed; its tokens end with those of the service.
    pub(super) fn new(
        address: SocketAddr,
        stopping: &CancellationToken,
        kill: &CancellationToken,
    ) -> Self {
        Self {
            address,
            healthy: AtomicBool::new(false),
            open: Counter::default(),
            removed: stopping.child_token(),
            cut: kill.child_token(),
        }
    }

    pub(super) fn health(&self) -> Health {
        if self.healthy.load(Ordering::Relaxed) {
            Health::Success
        } else {
            Health::Failure
        }
    }

    pub(super) fn set_health(&self, health: Health) {
        self.healthy
            .store(health == Health::Success, Ordering::Relaxed);
    }
}

/// The list of members at one moment. A change makes another roster; a connection being made keeps
/// the one it has.
#[derive(Debug)]
pub(super) struct Roster {
    strategy: Strategy,
    members: Vec<Arc<Member>>,
    /// Members that left the list. Their connections, open or being made, keep them alive.
    leaving: Vec<Weak<Member>>,
    selection: Selection,
}

impl Roster {
    pub(super) fn empty(strategy: Strategy) -> Self {
        Self::new(strategy, Vec::new(), Vec::new())
    }

    fn new(strategy: Strategy, members: Vec<Arc<Member>>, leaving: Vec<Weak<Member>>) -> Self {
        let addresses: Vec<SocketAddr> = members.iter().map(|member| member.address).collect();
        Self {
            strategy,
            selection: Selection::new(strategy, &addresses),
            members,
            leaving,
        }
    }

    pub(super) fn with_strategy(&self, strategy: Strategy) -> Self {
        Self::new(strategy, self.members.clone(), self.leaving.clone())
    }

    /// The roster for a new list of addresses: those it already has keep their state, the others
    /// come from `create`, and those no longer listed are told so.
    pub(super) fn with_members(
        &self,
        addresses: &[SocketAddr],
        mut create: impl FnMut(SocketAddr) -> Arc<Member>,
    ) -> Self {
        let mut before: HashMap<SocketAddr, &Arc<Member>> = self
            .members
            .iter()
            .map(|member| (member.address, member))
            .collect();
        let mut seen = HashSet::with_capacity(addresses.len());
        let mut listed = Vec::with_capacity(addresses.len());
        for &address in addresses {
            if seen.insert(address) {
                listed.push(
                    before
                        .remove(&address)
                        .cloned()
                        .unwrap_or_else(|| create(address)),
                );
            }
        }
        let mut leaving = self.leaving.clone();
        leaving.retain(|member| member.strong_count() > 0);
        for gone in before.into_values() {
            gone.removed.cancel();
            leaving.push(Arc::downgrade(gone));
        }
        Self::new(self.strategy, listed, leaving)
    }

    /// A healthy member for a connection from `client`, other than those in `tried`.
    pub(super) fn pick(
        &self,
        client: SocketAddr,
        turn: &AtomicUsize,
        tried: &[SocketAddr],
    ) -> Option<&Arc<Member>> {
        let usable = |index: usize| {
            let member = &self.members[index];
            member.health() == Health::Success && !tried.contains(&member.address)
        };
        self.selection
            .pick(client, turn, usable)
            .map(|index| &self.members[index])
    }

    pub(super) fn statuses(&self) -> Vec<(SocketAddr, Health)> {
        self.members
            .iter()
            .map(|member| (member.address, member.health()))
            .collect()
    }

    /// Open connections to members that have left the list.
    pub(super) fn draining(&self) -> u64 {
        self.leaving
            .iter()
            .filter_map(Weak::upgrade)
            .map(|member| member.open.get())
            .sum()
    }
}
