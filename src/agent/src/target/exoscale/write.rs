//! One change of the pool's size, carried to its end: sent, and read back whenever the answer left
//! open whether it was made (guarantee G7).

use std::time::Duration;

use exoscale::{
    Client, ClientError, ErrorKind,
    calls::ApiCall,
    ids::InstanceId,
    models::{InstancePool, Operation, PoolState},
};
use policy::{
    Action, ActionFailure, ActionOutcome, Direction, MemberId, Moment, Reason, Resize, Size,
};
use tokio::time::sleep;

use super::{Exoscale, errors::action_failure};
use crate::messages::ActionReport;

/// How often a size is sent when reading back shows that it was not taken.
const ATTEMPTS: u32 = 3;
/// Pause before it is sent again; grows with each attempt.
const PAUSE: Duration = Duration::from_secs(1);

type Ended = Result<(), (ActionFailure, String)>;

/// A change on its way.
pub(super) struct Write {
    target: Exoscale,
    /// When the last write was answered that the API took, or may have taken.
    written_at: Option<Moment>,
}

impl Write {
    pub(super) fn new(target: Exoscale) -> Self {
        Self {
            target,
            written_at: None,
        }
    }

    pub(super) async fn perform(mut self, action: Action) -> ActionReport {
        let fence = self.target.fence.clone();
        let report = self.make(action).await;
        fence.ended().await;
        report
    }

    async fn make(&mut self, action: Action) -> ActionReport {
        let result = match action {
            Action::ScaleOut(resize) => {
                let read_by = self.target.for_order.lock().take();
                let api = read_by.unwrap_or_else(|| self.target.api.urgent());
                self.set_size(&api, resize).await
            }
            Action::GiveUpMissing(resize) => {
                let api = self.target.api.clone();
                self.set_size(&api, resize).await
            }
            Action::Evict { resize, victims } => self.evict(resize, &victims).await,
        };
        let (outcome, detail) = match result {
            Ok(()) => (ActionOutcome::Applied, None),
            Err((failure, detail)) => (ActionOutcome::Failed(failure), Some(detail)),
        };
        ActionReport {
            outcome,
            written_at: self.written_at,
            detail,
        }
    }

    /// Asks for the new size until the pool has it. The size is absolute, so that asking again does
    /// no harm; it is asked again only after a fresh read (guarantees G6 and G7).
    async fn set_size(&mut self, api: &Client, resize: Resize) -> Ended {
        let (pool, size) = (self.target.pool, resize.to().0);
        for attempt in 1.. {
            self.pass_fence().await?;
            let sent = api.once().scale_instance_pool(pool, size).await;
            let is_sent = is_written(&sent);
            let Err(error) = self.follow(ApiCall::ScaleInstancePool, sent).await else {
                return Ok(());
            };
            // What was certainly not taken is for the policy to ask again, on a new read.
            let may_pass = error.is_retryable() && !error.is_capacity();
            let is_open = error.is_ambiguous() || (is_sent && may_pass);
            if !is_open {
                return Err(failure(&error));
            }
            tracing::warn!(%error, attempt, "Change of size left open; reading back.");
            if may_pass {
                sleep(PAUSE * attempt).await;
            }
            let read = self.read_back(api).await?;
            if is_reached(Size(read.size), resize) {
                return Ok(());
            }
            if Size(read.size) != resize.from() || read.state != PoolState::Running {
                let detail = format!("somebody else changes the pool; its size is {}", read.size);
                return Err((ActionFailure::Unknown, detail));
            }
            if attempt == ATTEMPTS || self.target.stopping.is_cancelled() {
                return Err(failure(&error));
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn evict(&mut self, resize: Resize, victims: &[MemberId]) -> Ended {
        let api = self.target.api.clone();
        let ids: Vec<InstanceId> = victims.iter().map(|id| InstanceId(id.0)).collect();
        let once = api.once();
        self.pass_fence().await?;
        let sent = once
            .evict_instance_pool_members(self.target.pool, &ids)
            .await;
        let call = ApiCall::EvictInstancePoolMembers;
        let Err(error) = self.follow(call, sent).await else {
            return Ok(());
        };
        if !error.is_ambiguous() {
            return Err(failure(&error));
        }
        tracing::warn!(%error, "Scale-in left open; reading back.");
        let read = self.read_back(&api).await?;
        if is_reached(Size(read.size), resize) {
            return Ok(());
        }
        let detail = "reading back shows that it was not made".to_owned();
        Err((ActionFailure::Refused, detail))
    }

    /// Renews the lease for one write, which ends within it. What was sent before may have been
    /// made.
    async fn pass_fence(&self) -> Ended {
        let begun = self.target.fence.begin(self.target.request_timeout).await;
        begun.map_err(|detail| {
            let failure = match self.written_at {
                Some(_) => ActionFailure::Unknown,
                None => ActionFailure::Postponed {
                    reason: Reason::Standby,
                    retry_in: Duration::ZERO,
                },
            };
            (failure, detail)
        })
    }

    /// Stamps the answer to a write and waits for its operation to end.
    async fn follow(
        &mut self,
        call: ApiCall,
        sent: Result<Operation, ClientError>,
    ) -> Result<(), ClientError> {
        if is_written(&sent) {
            self.written_at = Some(self.target.clock.now());
        }
        let operation = match sent {
            Ok(operation) => operation,
            Err(error) => {
                self.target.note::<()>(call, &Err(error.clone()));
                return Err(error);
            }
        };
        let timeout = self.target.operation_timeout;
        let ended = self.target.api.wait(operation, timeout).await;
        let is_asked = !matches!(&ended, Err(error) if !matches!(error.kind, ErrorKind::OperationFailed { .. }));
        // An operation that failed is the write's failure; one that could not be asked is not.
        let of = if is_asked {
            call
        } else {
            ApiCall::GetOperation
        };
        self.target.note(of, &ended);
        ended.map(|_| ())
    }

    /// The pool now, after a change of which it is unknown whether it was made.
    async fn read_back(&mut self, api: &Client) -> Result<InstancePool, (ActionFailure, String)> {
        let read = api.get_instance_pool(self.target.pool).await;
        self.written_at = Some(self.target.clock.now());
        self.target.note(ApiCall::GetInstancePool, &read);
        read.map_err(|error| (ActionFailure::Unknown, error.to_string()))
    }
}

/// Whether the API took a write, or may have taken it.
fn is_written(sent: &Result<Operation, ClientError>) -> bool {
    match sent {
        Ok(_) => true,
        Err(error) => !error.is_certainly_not_applied(),
    }
}

fn is_reached(size: Size, resize: Resize) -> bool {
    match resize.direction() {
        Direction::Up => size >= resize.to(),
        Direction::Down => size <= resize.to(),
    }
}

fn failure(error: &ClientError) -> (ActionFailure, String) {
    (action_failure(error), error.to_string())
}
