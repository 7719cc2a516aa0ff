//! Exoscale on this machine: the API v2 over HTTP, instances as processes on loopback addresses,
//! load balancers that forward. What runs against it runs unchanged against Exoscale.
//!
//! Its state lives as long as it runs. It listens on loopback only, imitates neither virtual
//! machines nor networks, and answers 501 to what it does not serve.

mod addresses;
mod anti_affinity;
mod api;

pub mod catalog;
mod clients;
mod clock;
mod cloud;
mod config;
mod edits;
mod elastic_ips;
mod environment;
mod error;
mod fault_command;
mod faults;
mod forwarding;
mod iam;
mod instances;
mod intercept;
mod load_balancer_services;
mod load_balancers;
mod member_life;
pub mod nlb;
mod operations;
mod options;
mod password;
mod pools;
mod private_networks;
mod quotas;
mod references;
mod refusal;
mod requests;
pub mod runner;
mod security_groups;
mod seed;
mod shortage;
mod snapshots;
mod sos;
mod ssh_keys;
mod stack;
mod standalone;
mod standalone_life;
mod status;
mod templates;
mod traffic;
mod user_data;

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use actix_web::dev::ServerHandle;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use exoscale::secret::{ApiKey, ApiSecret};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use cloud::Cloud;
use intercept::Intercept;

pub use api::{local_paths_served, operations_served};
pub use config::LocalCloudConfig;
pub use config::speed;
pub use edits::Edit;
pub use error::Error;
pub use faults::{Fault, FaultKind, Faults};
pub use forwarding::Forwarding;
pub use options::{Options, serve};
pub use stack::Stack;
pub use status::{MemberStatus, PoolStatus, ServerHealth, Status};

/// A running local cloud. Dropping it ends everything without waiting; [`LocalCloud::stop`] waits.
#[derive(Debug)]
pub struct LocalCloud {
    cloud: Arc<Cloud>,
    server: ServerHandle,
    sos_server: ServerHandle,
}

impl LocalCloud {
    /// Starts to serve. It must be called within a tokio runtime, which then runs the instances.
    ///
    /// # Errors
    /// A setting out of bounds, the address taken, or no loopback range (see [`Error`]).
    #[expect(
        clippy::unused_async,
        reason = "its sockets and tasks need a runtime, which an async caller has"
    )]
    pub async fn start(config: LocalCloudConfig) -> Result<Self, Error> {
        config.check()?;
        let (listener, api) = bind(config.listen, "--listen")?;
        let (sos_listener, sos) = bind(config.sos_listen, "--sos-listen")?;
        let prepared = config.intercept.map(Intercept::prepare).transpose()?;
        let (intercept, proxy) = prepared.unzip();
        let cloud = Arc::new(Cloud {
            key: config.key.clone().unwrap_or_else(random_key),
            secret: config.secret.clone().unwrap_or_else(random_secret),
            origin: format!("http://{api}"),
            sos_origin: format!("http://{sos}"),
            sos: Mutex::default(),
            intercept,
            faults: Faults::default(),
            addresses: Mutex::new(addresses::AddressRange::reserve().map_err(Error::Addresses)?),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            finished: tokio::sync::Notify::new(),
            runtime: Handle::current(),
            state: Mutex::new(cloud::State::of_a_fresh_account(&config.zone)),
            calls: Mutex::default(),
            clock: clock::Clock::default(),
            is_ready: config.is_ready.into(),
            requests: requests::RequestLog::default(),
            config,
        });
        let server = api::serve(&cloud, listener).map_err(Error::Serve)?;
        let sos_server = sos::serve(&cloud, sos_listener).map_err(Error::Serve)?;
        if let Some(proxy) = proxy {
            intercept::serve(&cloud, proxy, api).map_err(Error::Serve)?;
        }
        tracing::info!(endpoint = %format!("{}/v2", cloud.origin), zone = %cloud.config.zone, "local cloud serves");
        Ok(Self {
            cloud,
            server,
            sos_server,
        })
    }

    /// The API's address, `http://127.0.0.1:PORT/v2`: what `EXOSCALE_API_ENDPOINT` takes.
    pub fn endpoint(&self) -> String {
        format!("{}/v2", self.cloud.origin)
    }

    /// Where SOS is, `http://127.0.0.1:PORT`.
    pub fn sos_endpoint(&self) -> &str {
        &self.cloud.sos_origin
    }

    /// Makes a bucket in SOS.
    ///
    /// # Errors
    /// It is there already, or its name is not valid.
    pub fn create_bucket(&self, name: &str) -> Result<(), Error> {
        let created = self.cloud.sos.lock().create(name);
        created.map_err(|refusal| Error::Failed(format!("bucket {name}: {}", refusal.code())))
    }

    /// The API key.
    pub fn key(&self) -> &ApiKey {
        &self.cloud.key
    }

    /// The API key's secret.
    pub fn secret(&self) -> &ApiSecret {
        &self.cloud.secret
    }

    /// Misbehaviour on request.
    pub fn faults(&self) -> &Faults {
        &self.cloud.faults
    }

    /// What there is at the moment.
    pub fn status(&self) -> Status {
        Status::of(&self.cloud)
    }

    /// Stops the API, the load balancers and all instances, and waits until they have ended.
    pub async fn stop(self) {
        self.cloud.stopping.cancel();
        self.server.stop(true).await;
        self.sos_server.stop(true).await;
        let services: Vec<_> = {
            let mut state = self.cloud.state();
            let services = state
                .load_balancers
                .values_mut()
                .flat_map(|b| &mut b.services);
            services
                .filter_map(|service| service.running.take())
                .collect()
        };
        for service in services {
            service.stop().await;
        }
        self.cloud.tasks.close();
        self.cloud.tasks.wait().await;
        if let Some(intercept) = &self.cloud.intercept {
            intercept.forget_authority();
        }
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        self.cloud.stopping.cancel();
        // The command is sent when the future is made; its answer need not be awaited.
        drop(self.server.stop(false));
        drop(self.sos_server.stop(false));
    }
}

fn bind(address: SocketAddr, flag: &'static str) -> Result<(TcpListener, SocketAddr), Error> {
    let listen = |source| Error::Listen {
        address,
        source,
        flag,
    };
    let listener = TcpListener::bind(address).map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    Ok((listener, bound))
}

/// A key in Exoscale's form.
fn random_key() -> ApiKey {
    let tail: String = (0..24).map(|_| fastrand::char('a'..='f')).collect();
    format!("EXO{tail}")
        .parse()
        .expect("letters are a valid key")
}

/// 32 bytes of the system's randomness.
fn random_secret() -> ApiSecret {
    let bytes = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()]
        .map(uuid::Uuid::into_bytes)
        .concat();
    let text = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    text.parse().expect("base64 is a valid secret")
}

/// Reads bytes as each kind of input that a client may send, whatever they are. For fuzzing.
pub fn read_anything(bytes: &[u8]) {
    intercept::read_request(bytes);
    api::read_body(bytes);
    let _ = serde_json::from_slice::<iam::policy::Policy>(bytes);
    let _ = serde_json::from_slice::<Vec<Fault>>(bytes);
}
