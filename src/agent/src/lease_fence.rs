//! What stands between a decision and the API: nothing is changed without the lease.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix::{Message, Recipient};
use parking_lot::Mutex;

use super::{clock::since_boot, lease_store::LeaseSettings};

/// To the lease keeper: a change is about to begin. Answered once the lease's object says so and
/// the lease lasts as long as the change may take.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<(), String>")]
pub(crate) struct BeginChange {
    /// How long the write may take.
    pub(crate) takes: Duration,
}

/// To the lease keeper: that change has ended.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ChangeEnded;

/// Lets a change through while the lease is held; always, where no lease is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fence(Option<Arc<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// Until when the lease may be believed, since the machine's boot.
    until: Mutex<Duration>,
    begin: OnceLock<Recipient<BeginChange>>,
    ended: OnceLock<Recipient<ChangeEnded>>,
}

impl Fence {
    /// A fence that is closed until the lease is held; without settings it stands open.
    pub(crate) fn of(settings: Option<&LeaseSettings>) -> Self {
        settings.map_or_else(Self::default, |_| Self::closed())
    }

    fn closed() -> Self {
        Self(Some(Arc::default()))
    }

    /// Names the keeper.
    pub(crate) fn connect(&self, begin: Recipient<BeginChange>, ended: Recipient<ChangeEnded>) {
        if let Self(Some(inner)) = self {
            let _ = inner.begin.set(begin);
            let _ = inner.ended.set(ended);
        }
    }

    /// Opens it until this moment since the boot, which may be over.
    pub(crate) fn open_until(&self, until: Duration) {
        if let Self(Some(inner)) = self {
            *inner.until.lock() = until;
        }
    }

    /// Whether the lease is held now. The clock goes on while the machine is suspended.
    pub(crate) fn is_open(&self) -> bool {
        self.lasts(Duration::ZERO)
    }

    fn lasts(&self, takes: Duration) -> bool {
        match self {
            Self(None) => true,
            Self(Some(inner)) => since_boot() + takes < *inner.until.lock(),
        }
    }

    /// Lets one write through that takes at most so long, or says why not.
    pub(crate) async fn begin(&self, takes: Duration) -> Result<(), String> {
        let Self(Some(inner)) = self else {
            return Ok(());
        };
        let keeper = inner.begin.get().ok_or("the lease is not kept yet")?;
        let asked = keeper.send(BeginChange { takes }).await;
        asked.map_err(|_| "the lease keeper is gone".to_owned())??;
        if self.lasts(takes) {
            Ok(())
        } else {
            Err("the lease ends before the change would".to_owned())
        }
    }

    /// Says that a change has ended.
    pub(crate) async fn ended(&self) {
        if let Self(Some(inner)) = self
            && let Some(keeper) = inner.ended.get()
        {
            // A keeper that is gone is the watchdog's to notice.
            let _ = keeper.send(ChangeEnded).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_open_without_a_lease_and_while_one_lasts() {
        assert!(Fence::default().is_open());
        let fence = Fence::closed();
        assert!(!fence.is_open());
        let now = since_boot();
        fence.open_until(now + Duration::from_secs(3600));
        assert!(fence.is_open() && fence.lasts(Duration::from_secs(3000)));
        assert!(!fence.lasts(Duration::from_secs(3601)));
        fence.open_until(now);
        assert!(!fence.is_open());
    }
}
