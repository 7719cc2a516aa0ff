//! Sockets and servers: what listens where, and what every response carries.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    App as WebApp, Error as WebError, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{Server, ServiceRequest, ServiceResponse},
    http::{ConnectionType, header::HeaderName},
    middleware::{self, Next},
    web,
};
use program::file_limit;
use prometheus_client::registry::Registry;

use super::{
    Error, metrics,
    routes::{self, App, metrics_response},
};

/// Longer than common proxies keep an idle connection, so that it is they who close it: a server
/// that closes first may do so just as a request is on its way.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Connections at once, where the process may open enough files.
const MAX_CONNECTIONS: usize = 25_600;

/// Files left for everything else: the other listener, standard streams, the kernel's statistics.
const RESERVED_FILES: usize = 64;

/// How long closing an idle connection in order may take at the end, in seconds.
const SHUTDOWN_SECONDS: u64 = 1;

pub(super) fn listen(flag: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).map_err(|source| Error::Listen {
        flag,
        address,
        source,
    })
}

/// Serves the application on one thread: it only passes work on, and the CPUs are for the work.
pub(super) fn serve_app(listener: TcpListener, app: web::Data<App>) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        WebApp::new()
            .app_data(app.clone())
            .wrap(middleware::from_fn(observe))
            .wrap(middleware::NormalizePath::trim())
            .configure(routes::configure)
    });
    Ok(server
        .workers(1)
        .max_connections(max_connections())
        .keep_alive(KEEP_ALIVE)
        // A client that closes while it waits has given up: its work is dropped from the queue.
        .h1_allow_half_closed(false)
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .listen(listener)?
        .run())
}

/// Serves node-exporter's metrics.
pub(super) fn serve_node_metrics(
    listener: TcpListener,
    registry: Arc<Registry>,
) -> std::io::Result<Server> {
    let registry = web::Data::from(registry);
    let server = HttpServer::new(move || {
        let scrape =
            async |registry: web::Data<Registry>| metrics_response(metrics::encode(&registry));
        WebApp::new()
            .app_data(registry.clone())
            .wrap(middleware::NormalizePath::trim())
            .service(web::resource("/metrics").get(scrape).head(scrape))
            .default_service(web::to(async || {
                HttpResponse::NotFound().body("There is no such path; served is /metrics.\n")
            }))
    });
    Ok(server
        .workers(1)
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .listen(listener)?
        .run())
}

/// More would make accepting fail, and with it health checks.
fn max_connections() -> usize {
    let files = file_limit::open_files();
    (files - RESERVED_FILES.min(files / 2)).min(MAX_CONNECTIONS)
}

/// Names the instance on every response, counts it, and asks the client to reconnect while
/// draining.
async fn observe(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, WebError> {
    let started = Instant::now();
    let mut response = next.call(request).await?;
    let path = response.request().match_pattern();
    app.metrics.answered(
        path.as_deref().unwrap_or("other"),
        response.status().as_u16(),
        started.elapsed(),
    );
    response.headers_mut().insert(
        HeaderName::from_static("x-instance"),
        app.instance_header.clone(),
    );
    if app.drain.is_on() {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
