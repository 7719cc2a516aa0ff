//! The API's operations as methods. Which of them may be repeated, and when, is decided in
//! `transport`; nothing here decides what a pool's size should be.

use std::{num::NonZeroUsize, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    budget::Priority,
    calls::{ApiCall, CallCount},
    config::{ClientConfig, ConfigError},
    error::ClientError,
    ids::{InstanceId, LoadBalancerId, OperationId, PoolId},
    line::Prepaid,
    models::{Instance, InstanceList, InstancePool, LoadBalancer, Operation},
    transport::{Repeats, Request, Transport},
};

/// A client of the API. Clones are cheap and share connections, call budget, pauses that the API
/// asked for, and counts.
///
/// Every method is one call with one deadline ([`ClientConfig::call_deadline`]). A write whose
/// future is dropped may have been made, like one whose error
/// [is ambiguous](ClientError::is_ambiguous).
///
/// For `https` endpoints `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are followed, and the CA
/// certificates are those of `SSL_CERT_FILE` and `SSL_CERT_DIR` if one is set, else the system's.
/// All are read when the client is made. `http` endpoints use neither proxies nor certificates.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) transport: Arc<Transport>,
    pub(super) priority: Priority,
    pub(super) repeats: Repeats,
    has_private_addresses: bool,
    prepaid: Option<Arc<Prepaid>>,
}

impl Client {
    /// Makes a client; sends nothing.
    pub fn new(config: ClientConfig) -> Result<Self, ConfigError> {
        Self::several(config, NonZeroUsize::MIN).map(|mut clients| clients.remove(0))
    }

    /// Makes so many clients of one API. They share connections, the call budget and pauses that
    /// the API asked for. Each has its own counts, its own part of the budget, which the others
    /// leave alone, and its own refusals: what one may not do says nothing about another.
    pub fn several(config: ClientConfig, number: NonZeroUsize) -> Result<Vec<Self>, ConfigError> {
        let transports = Transport::several(config, number.get())?.into_iter();
        let client = |transport| Self {
            transport: Arc::new(transport),
            priority: Priority::Normal,
            repeats: Repeats::default(),
            has_private_addresses: false,
            prepaid: None,
        };
        Ok(transports.map(client).collect())
    }

    /// The same client with access to the reserve of the call budget: for a scale-out and the
    /// reads it rests on.
    #[must_use]
    pub fn urgent(&self) -> Self {
        Self {
            priority: Priority::Urgent,
            ..self.clone()
        }
    }

    /// The same client that sends each request once: for a write that rests on a read, which would
    /// be old by the time of a second try.
    #[must_use]
    pub fn once(&self) -> Self {
        Self {
            repeats: Repeats::Never,
            ..self.clone()
        }
    }

    /// The same client whose lists of members come with their addresses in private networks: each
    /// such list is one call more for each network.
    #[must_use]
    pub fn with_private_addresses(self) -> Self {
        Self {
            has_private_addresses: true,
            ..self
        }
    }

    /// The same client with calls taken from the budget beforehand: all of them, or none. So reads
    /// that are only of use together do not each take a call and then wait for the last. What is
    /// not used goes back when the last clone is dropped. `call` is the first, for the error.
    pub fn together(&self, call: ApiCall, calls: u32) -> Result<Self, ClientError> {
        let prepaid = self.transport.prepay(call, self.priority, calls)?;
        Ok(Self {
            prepaid: prepaid.map(Arc::new),
            ..self.clone()
        })
    }

    /// How it reaches the API.
    pub fn config(&self) -> &ClientConfig {
        self.transport.config()
    }

    /// How often each operation was called, and how that ended. For metrics and tests.
    pub fn calls(&self) -> Vec<CallCount> {
        self.transport.counters.counts()
    }

    /// `get-instance-pool`
    pub async fn get_instance_pool(&self, pool: PoolId) -> Result<InstancePool, ClientError> {
        self.send(ApiCall::GetInstancePool, format!("/instance-pool/{pool}"))
            .await
    }

    /// `list-instances` with the pool as manager: all members with their addresses in one call,
    /// whatever the pool's size; and one more for each private network where
    /// the client is [to have them](Self::with_private_addresses).
    pub async fn list_pool_members(&self, pool: PoolId) -> Result<Vec<Instance>, ClientError> {
        let query = [
            ("manager-id", pool.to_string()),
            ("manager-type", "instance-pool".to_owned()),
        ];
        let list: InstanceList = self
            .send_query(ApiCall::ListInstances, "/instance".to_owned(), query)
            .await?;
        let mut members = list.instances;
        if self.has_private_addresses {
            self.add_private_addresses(&mut members).await?;
        }
        Ok(members)
    }

    /// `get-load-balancer`, with the health of the servers behind it.
    pub async fn get_load_balancer(&self, id: LoadBalancerId) -> Result<LoadBalancer, ClientError> {
        self.send(ApiCall::GetLoadBalancer, format!("/load-balancer/{id}"))
            .await
    }

    /// `get-operation`
    pub async fn get_operation(&self, id: OperationId) -> Result<Operation, ClientError> {
        self.send(ApiCall::GetOperation, format!("/operation/{id}"))
            .await
    }

    /// `scale-instance-pool`: sets the desired size, so that making it twice does no harm. Which
    /// members a smaller size removes is the provider's choice; see
    /// [`evict_instance_pool_members`](Self::evict_instance_pool_members).
    pub async fn scale_instance_pool(
        &self,
        pool: PoolId,
        size: u32,
    ) -> Result<Operation, ClientError> {
        #[derive(Serialize)]
        struct Body {
            size: u32,
        }
        let path = format!("/instance-pool/{pool}:scale");
        self.send_body(ApiCall::ScaleInstancePool, path, &Body { size })
            .await
    }

    /// `evict-instance-pool-members`: removes these members and makes the pool smaller by as many.
    pub async fn evict_instance_pool_members(
        &self,
        pool: PoolId,
        instances: &[InstanceId],
    ) -> Result<Operation, ClientError> {
        #[derive(Serialize)]
        struct Body<'a> {
            instances: &'a [InstanceId],
        }
        let path = format!("/instance-pool/{pool}:evict");
        self.send_body(ApiCall::EvictInstancePoolMembers, path, &Body { instances })
            .await
    }

    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        call: ApiCall,
        path: String,
    ) -> Result<T, ClientError> {
        self.request(Request {
            call,
            path,
            query: Vec::new(),
            body: Vec::new(),
        })
        .await
    }

    pub(super) async fn send_query<T: DeserializeOwned, const N: usize>(
        &self,
        call: ApiCall,
        path: String,
        query: [(&str, String); N],
    ) -> Result<T, ClientError> {
        let query = query
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self.request(Request {
            call,
            path,
            query,
            body: Vec::new(),
        })
        .await
    }

    pub(super) async fn send_body<T: DeserializeOwned>(
        &self,
        call: ApiCall,
        path: String,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).expect("the API's bodies are plain structs");
        self.request(Request {
            call,
            path,
            query: Vec::new(),
            body,
        })
        .await
    }

    async fn request<T: DeserializeOwned>(&self, request: Request) -> Result<T, ClientError> {
        let Self {
            priority, repeats, ..
        } = *self;
        let prepaid = self.prepaid.as_deref();
        self.transport
            .call(&request, priority, repeats, prepaid)
            .await
    }
}
