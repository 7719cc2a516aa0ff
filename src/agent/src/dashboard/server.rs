//! The agent's web server: the webhook receiver and the dashboard on one port.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    App, Error, HttpServer,
    body::{BoxBody, MessageBody},
    dev::{Extensions, ServerHandle, ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::{self, Next},
    rt::net::TcpStream,
    web,
};
use program::file_limit;
use tokio::sync::Semaphore;

use super::{
    connections::{Connection, Connections, Limits},
    protection::{self, Reads},
    routes,
};
use crate::{
    Agent,
    control::{self, Controller},
    metrics::{Counters, Metrics, Source},
    site::Site,
    throttled_log::{Peer, ThrottledLog},
    webhook_receiver::{self, Receiver},
};

/// One worker answers far more alerts than a monitoring system sends, and saves memory.
const WORKERS: usize = 1;

/// Threads that read large alerts, of which only a few are in memory at once.
const BLOCKING_THREADS: usize = 4;

/// How long the first request of a connection, and the next one, may keep us waiting.
const IDLE: Duration = Duration::from_secs(5);

/// A connection without a new request is of no use after this and the time that a body may take.
const UNUSED: Duration = Duration::from_secs(60);

/// With fewer connections than this, somebody should raise the limit of open files.
const FEW_CONNECTIONS: usize = 256;

/// Characters of an unknown path that are logged.
const PATH_SHOWN: usize = 80;

/// A running web server.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    handle: ServerHandle,
    running: tokio::task::JoinHandle<io::Result<()>>,
}

/// What all requests share.
#[derive(Debug)]
pub(super) struct Front {
    /// Places for live streams.
    pub(super) streams: Arc<Semaphore>,
    reads: Reads,
    connections: Arc<Connections>,
    counters: Counters,
    log: Arc<ThrottledLog>,
}

/// Starts the web server. Must be called inside an actix `System`.
pub fn serve(listener: TcpListener, agent: &Agent) -> io::Result<Server> {
    let address = listener.local_addr()?;
    let files = file_limit::open_files();
    let limits = Limits::within(files);
    if limits.all < FEW_CONNECTIONS {
        tracing::warn!(
            files,
            connections = limits.all,
            "Few files may be open, so few connections, too: raise LimitNOFILE= or `ulimit -n` to 1024."
        );
    }
    let log = Arc::new(ThrottledLog::default());
    let front = Arc::new(Front {
        streams: Arc::new(Semaphore::new(limits.streams)),
        connections: Connections::new(
            limits,
            UNUSED.saturating_add(agent.receiver.body_timeout.saturating_mul(2)),
        ),
        reads: agent.reads.clone(),
        counters: agent.counters.clone(),
        log: log.clone(),
    });
    let sources = agent.pools.iter().map(|pool| Source {
        name: pool.name.clone(),
        read_model: pool.read_model.clone(),
        target: pool.target.clone(),
    });
    let sources: Vec<_> = sources.collect();
    let metrics = Arc::new(Metrics::new(&agent.counters, &sources));
    let pools = agent.pools.clone();
    let receiver = Arc::new(Receiver::new(agent.receiver.clone(), log.clone()));
    let controller = Arc::new(Controller::new(agent.control.clone(), log));
    let opened = front.clone();
    let server = HttpServer::new(move || {
        App::new()
            .wrap(middleware::from_fn(observe))
            .wrap(middleware::NormalizePath::trim())
            .wrap(protection::headers())
            .configure(|config| {
                let mut site = Site::new(config);
                site.data(pools.clone());
                site.data(metrics.clone());
                site.data(front.clone());
                webhook_receiver::configure(&mut site, receiver.clone());
                control::configure(&mut site, controller.clone());
                routes::configure(&mut site);
                site.finish();
            })
    })
    .workers(WORKERS)
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .max_connections(limits.all)
    .on_connect(move |stream, data| {
        let plain = stream.downcast_ref::<TcpStream>();
        let secured = || stream.downcast_ref::<TlsStream<TcpStream>>();
        if let Some(stream) = plain.or_else(|| Some(secured()?.get_ref().0)) {
            opened.connected(stream, data);
        }
    })
    .client_request_timeout(IDLE)
    .keep_alive(IDLE)
    .shutdown_timeout(1)
    .disable_signals();
    let server = match &agent.tls {
        None => server.listen(listener)?,
        Some(tls) => {
            let config = tls.server_config().map_err(io::Error::other)?;
            actix_rt::spawn(tls.clone().follow_files());
            server.listen_rustls_0_23(listener, config)?
        }
    };
    let server = server.run();
    let handle = server.handle();
    let running = actix_rt::spawn(server);
    Ok(Server {
        address,
        handle,
        running,
    })
}

impl Server {
    /// Stops accepting, lets answers end for a second, and returns.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        let _ = self.running.await;
    }
}

impl Front {
    fn connected(&self, stream: &TcpStream, data: &mut Extensions) {
        let (connection, closed_another) = self.connections.open(stream);
        data.insert(connection);
        if closed_another {
            let peer = Peer(stream.peer_addr().ok());
            self.refused("idle_connection", |suppressed| {
                tracing::warn!(%peer, suppressed, "Too many connections: the longest unused one is closed for a new one.");
            });
        }
    }

    /// Counts what is not served, and writes a line unless there were too many.
    pub(super) fn refused(&self, reason: &'static str, line: impl FnOnce(Option<u64>)) {
        self.counters.refused(reason);
        self.log.line(reason, line);
    }
}

/// Notes that a connection is in use, and what is asked for in vain.
async fn observe(
    front: web::Data<Front>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Some(connection) = request.conn_data::<Connection>() {
        connection.used();
    }
    if let Some(refusal) = front.reads.refusal(request.path(), request.headers()) {
        front.refused("unauthorised", |suppressed| {
            let peer = Peer(request.peer_addr());
            tracing::warn!(%peer, suppressed, "Reader shows no token.");
        });
        return Ok(request.into_response(refusal));
    }
    let response = next.call(request).await?.map_into_boxed_body();
    let reason = match response.status() {
        StatusCode::NOT_FOUND => "unknown_path",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        _ => return Ok(response),
    };
    let request = response.request();
    front.refused(reason, |suppressed| {
        let peer = Peer(request.peer_addr());
        // Not the query, which may hold a secret.
        let path: String = request.path().chars().take(PATH_SHOWN).collect();
        let (method, status) = (request.method(), response.status().as_u16());
        tracing::warn!(%peer, %method, ?path, status, suppressed, "Request is refused.");
    });
    Ok(response)
}
