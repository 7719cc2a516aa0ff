//! A ready pool behind a load balancer, for those who want to begin at once.

use std::collections::BTreeMap;

use exoscale::{
    ids::{LoadBalancerId, PoolId},
    models::{HealthCheck, Operation, OperationState},
};
use serde_json::{Map, Value};

use super::{
    LocalCloud,
    catalog::{INSTANCE_TYPES, TEMPLATES},
    error::Error,
    instances::InstanceSettings,
    load_balancer_services::{self, ServiceSettings},
    load_balancers,
    nlb::{Protocol, Strategy},
    pools::{self, NewPool},
};

/// What [`LocalCloud::create_stack`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The instance pool.
    pub pool: PoolId,
    /// The load balancer, which forwards port 80 to the members' port 8080.
    pub balancer: LoadBalancerId,
}

impl LocalCloud {
    /// Makes a pool of `size` instances and a load balancer with one service, 80 to 8080, that asks
    /// for `/health`. Returns when the operations have ended; the instances then still boot.
    ///
    /// # Errors
    /// The quota is too small, or the load balancer cannot listen.
    pub async fn create_stack(&self, size: u32) -> Result<Stack, Error> {
        self.create_stack_with(size, Map::new()).await
    }

    /// As [`Self::create_stack`], with further fields of the pool as the API names them, such as
    /// `public-ip-assignment`.
    ///
    /// # Errors
    /// As [`Self::create_stack`].
    pub async fn create_stack_with(
        &self,
        size: u32,
        further: Map<String, Value>,
    ) -> Result<Stack, Error> {
        let (Some(kind), Some(image)) = (INSTANCE_TYPES.first(), TEMPLATES.first()) else {
            return Err(Error::Failed("the catalog is empty".to_owned()));
        };
        let mut settings = InstanceSettings {
            instance_type: kind.core.id,
            template: image.core.id,
            disk_size: 10,
            instance_prefix: Some("slow-app".to_owned()),
            user_data: None,
            labels: BTreeMap::new(),
            further: further.clone(),
        };
        settings.settle_addresses(&further);
        let pool = NewPool {
            name: "slow-app".to_owned(),
            description: None,
            size,
            settings,
        };
        let pool = self.ended(pools::create(&self.cloud, pool)?).await?;
        let balancer =
            load_balancers::create(&self.cloud, "slow-app".to_owned(), None, BTreeMap::new())?;
        let stack = Stack {
            pool: PoolId(pool),
            balancer: LoadBalancerId(self.ended(balancer).await?),
        };
        let settings = ServiceSettings {
            name: "http".to_owned(),
            description: None,
            protocol: Protocol::Tcp,
            strategy: Strategy::RoundRobin,
            port: 80,
            target_port: 8080,
            healthcheck: HealthCheck {
                mode: "http".to_owned(),
                port: 8080,
                uri: Some("/health".to_owned()),
                interval: 5,
                timeout: 2,
                retries: 2,
                tls_sni: None,
            },
        };
        let service =
            load_balancer_services::add(&self.cloud, stack.balancer, stack.pool, settings)?;
        self.ended(service).await?;
        Ok(stack)
    }

    /// The id of an operation's resource, when it has ended well.
    async fn ended(&self, operation: Operation) -> Result<uuid::Uuid, Error> {
        let ended = self.cloud.ended(operation.id).await.unwrap_or(operation);
        match (ended.state, ended.reference) {
            (OperationState::Success, Some(reference)) => Ok(reference.id),
            _ => Err(Error::Failed(
                ended
                    .message
                    .unwrap_or_else(|| "an operation failed".to_owned()),
            )),
        }
    }
}
