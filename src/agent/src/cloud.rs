//! The cloud actor: the only one that has the target, and the drainer of its members.

use std::sync::Arc;

use actix::{Actor, Context, Handler, ResponseFuture};
use policy::{Member, Pool, ReadFailure};

use super::{
    drain::Drainer,
    lease_fence::Fence,
    messages::{ActionReport, DrainMembers, GiveBack, ListMembers, Perform, Ping, ReadPool},
    read_model::ReadModel,
    target::{Target, TargetError},
};

#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    target: Target,
    drainer: Drainer,
    fence: Fence,
    read_model: Arc<ReadModel>,
}

impl Cloud {
    pub(crate) fn new(
        target: Target,
        drainer: Drainer,
        fence: Fence,
        read_model: Arc<ReadModel>,
    ) -> Self {
        Self {
            target,
            drainer,
            fence,
            read_model,
        }
    }

    async fn read_pool(self, urgent: bool) -> Result<Pool, ReadFailure> {
        let report = self.target.read_pool(urgent).await?;
        self.give_back_leftovers(&report.pool.members);
        self.read_model.pool_read(&report);
        Ok(report.pool)
    }

    async fn list_members(self) -> Result<Vec<Member>, TargetError> {
        let members = self.target.list_members().await?;
        self.give_back_leftovers(&members);
        Ok(members)
    }

    /// Members that drain while another agent leads are that agent's.
    fn give_back_leftovers(&self, members: &[Member]) {
        if self.fence.is_open() {
            self.drainer.give_back_leftovers(members);
        }
    }
}

impl Actor for Cloud {
    type Context = Context<Self>;
}

impl Handler<ReadPool> for Cloud {
    type Result = ResponseFuture<Result<Pool, ReadFailure>>;

    fn handle(&mut self, ReadPool { urgent }: ReadPool, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.clone().read_pool(urgent))
    }
}

impl Handler<ListMembers> for Cloud {
    type Result = ResponseFuture<Result<Vec<Member>, TargetError>>;

    fn handle(&mut self, _: ListMembers, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.clone().list_members())
    }
}

impl Handler<DrainMembers> for Cloud {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, order: DrainMembers, _: &mut Self::Context) -> Self::Result {
        let drainer = self.drainer.clone();
        Box::pin(async move {
            drainer.drain(&order.members, &order.given_up).await;
            if order.given_up.is_cancelled() {
                drainer.give_back(&order.members).await;
            }
        })
    }
}

impl Handler<GiveBack> for Cloud {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, GiveBack(members): GiveBack, _: &mut Self::Context) -> Self::Result {
        let drainer = self.drainer.clone();
        Box::pin(async move { drainer.give_back(&members).await })
    }
}

impl Handler<Perform> for Cloud {
    type Result = ResponseFuture<ActionReport>;

    fn handle(&mut self, Perform(action): Perform, _: &mut Self::Context) -> Self::Result {
        let target = self.target.clone();
        Box::pin(async move { target.perform(action).await })
    }
}

impl Handler<Ping> for Cloud {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}
