//! The agent's web server: the alert intake and the dashboard on one port.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, dev::ServerHandle, middleware, web};

use super::routes;
use crate::agent::{
    Agent,
    alert_intake::{self, Receiver},
    metrics::Metrics,
    throttled_log::ThrottledLog,
};

/// One worker answers far more alerts than a monitoring system sends, and saves memory.
const WORKERS: usize = 1;
/// Threads that read large alerts, of which only a few are in memory at once.
const BLOCKING_THREADS: usize = 4;
/// Connections open at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1_024;

/// A running web server.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    handle: ServerHandle,
    running: tokio::task::JoinHandle<io::Result<()>>,
}

/// Starts the web server. Must be called inside an actix `System`.
pub fn bind(listen: SocketAddr, agent: &Agent) -> io::Result<Server> {
    let metrics = Arc::new(Metrics::new(agent.read_model.clone(), agent.api.clone()));
    let read_model = web::Data::from(agent.read_model.clone());
    let log = Arc::new(ThrottledLog::default());
    let receiver = Arc::new(Receiver::new(agent.intake.clone(), log));
    let server = HttpServer::new(move || {
        App::new()
            .wrap(middleware::DefaultHeaders::new().add(("X-Content-Type-Options", "nosniff")))
            .app_data(read_model.clone())
            .app_data(web::Data::from(metrics.clone()))
            .configure(alert_intake::configure(receiver.clone()))
            .configure(routes::configure)
    })
    .workers(WORKERS)
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .max_connections(MAX_CONNECTIONS)
    .client_request_timeout(Duration::from_secs(5))
    .shutdown_timeout(1)
    .disable_signals()
    .bind(listen)?;
    let address = server.addrs().first().copied().unwrap_or(listen);
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
