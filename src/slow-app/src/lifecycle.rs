//! From start to end: binds, serves until told to stop, and ends without losing a request.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::SystemTime,
};

use actix_web::{
    dev::{Server, ServerHandle},
    rt::System,
    web,
};
use futures_util::future::{join_all, try_join_all};
use program::{parent::Parent, signals::StopSignals};
use tokio::time;
use tracing::{info, warn};

use super::{
    CpuQuota, Error, Options,
    config::Config,
    node_metrics::{self, LoadAverage},
    routes::App,
    server,
};

/// Runs the slow application until SIGTERM or Ctrl-C has ended it in order, or standard input has
/// ended with `exit_with_parent`.
///
/// Builds its own runtime and blocks: call it from a thread that runs none.
pub fn run(options: Options) -> Result<(), Error> {
    let config = Config::new(options)?;
    let listener = server::listen("--listen", config.listen)?;
    let node_listener = config
        .node_metrics
        .map(|address| server::listen("--node-metrics", address))
        .transpose()?;
    let app_address = local_address(&listener)?;
    let node_address = node_listener.as_ref().map(local_address).transpose()?;

    let app = App::start(config).map_err(|source| Error::System {
        action: "start the worker threads",
        source,
    })?;
    let app = web::Data::new(app);
    let result = System::new().block_on(async {
        // Before anything shows that this process runs: who has seen that may send a signal.
        let mut signals = StopSignals::listen().map_err(|source| Error::System {
            action: "listen for signals",
            source,
        })?;
        let parent = Parent::watch(app.config.exit_with_parent);
        let mut parent = parent.map_err(|source| Error::System {
            action: "watch standard input",
            source,
        })?;
        let load = Arc::new(LoadAverage::default());
        let mut servers = vec![server::serve_app(listener, app.clone()).map_err(cannot_serve)?];
        if let Some(listener) = node_listener {
            let registry =
                node_metrics::registry(Arc::clone(&app.pool), Arc::clone(&load), SystemTime::now());
            servers.push(
                server::serve_node_metrics(listener, Arc::new(registry)).map_err(cannot_serve)?,
            );
        }
        let handles = servers.iter().map(Server::handle).collect::<Vec<_>>();
        info!(
            instance = app.config.instance.as_str(),
            address = %app_address,
            node_metrics = node_address.map(tracing::field::display),
            workers = app.config.workers,
            cpu_quota = app.config.quota.map(CpuQuota::fraction),
            "slow-app is listening"
        );
        tokio::select! {
            result = try_join_all(servers) => result.map(|_| ()).map_err(cannot_serve),
            () = load.follow(&app.pool) => Ok(()),
            () = parent.is_gone() => {
                info!("standard input has ended: the parent is gone");
                Ok(())
            }
            result = stop_in_order(&mut signals, &app, &handles) => result,
        }
    });
    app.pool.close();
    result
}

fn cannot_serve(source: io::Error) -> Error {
    Error::System {
        action: "serve",
        source,
    }
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|source| Error::System {
        action: "read a socket's address",
        source,
    })
}

/// Waits for a signal, then serves on until all is quiet or the grace time is over, then stops the
/// servers.
async fn stop_in_order(
    signals: &mut StopSignals,
    app: &App,
    servers: &[ServerHandle],
) -> Result<(), Error> {
    signals.next().await;
    app.drain.stop();
    info!(in_flight = app.activity.in_flight(), grace = ?app.config.grace, "stopping; /health is 503, a second signal ends at once");
    let finish = async {
        let is_quiet = time::timeout(app.config.grace, app.activity.quiet_for(app.config.quiet))
            .await
            .is_ok();
        if !is_quiet {
            warn!(
                in_flight = app.activity.in_flight(),
                "the grace time is over (--grace)"
            );
        }
        join_all(servers.iter().map(|server| server.stop(is_quiet))).await;
    };
    tokio::select! {
        () = finish => Ok(()),
        () = signals.next() => Err(Error::Interrupted { in_flight: app.activity.in_flight() }),
    }
}
