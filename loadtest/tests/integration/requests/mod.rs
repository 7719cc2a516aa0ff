//! What is sent, and what is checked in the responses, by every engine. The server is hyper's, and
//! remembers what it was asked.

mod checks;
mod count;
mod redirects;
mod templates;
mod turns;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use loadtest::{Engine, Load, Plan, Summary};
use tokio::net::{TcpListener, TcpStream};

/// Every engine, with whether its server speaks HTTP/2.
pub(crate) const ENGINES: [(Engine, bool); 3] = [
    (Engine::Http1, false),
    (Engine::Hyper, false),
    (Engine::Http2 { streams: 4 }, true),
];

/// A request as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) authority: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What a path answers with: a status, headers and a body.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);
type Answers = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Host {
    /// Starts a server that answers so.
    pub(crate) async fn start(
        http2: bool,
        answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answers): (_, Answers) = (Arc::clone(&asked), Arc::new(answers));
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                tokio::spawn(serve(
                    stream,
                    http2,
                    Arc::clone(&seen),
                    Arc::clone(&answers),
                ));
            }
        });
        Self { address, asked }
    }

    /// Starts one on a thread of its own, for a test that waits for a program.
    pub(crate) fn start_beside(answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let (sender, started) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                sender
                    .send(Self::start(false, answers).await)
                    .expect("the test waits");
                std::future::pending::<()>().await;
            });
        });
        started.recv().expect("started")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

async fn serve(stream: TcpStream, http2: bool, seen: Arc<Mutex<Vec<Asked>>>, answers: Answers) {
    stream.set_nodelay(true).expect("a live connection");
    let service = service_fn(move |request: Request<Incoming>| {
        let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
        async move {
            let asked = read(request).await;
            let (status, headers, mut body) = answers(&asked);
            if asked.method == "HEAD" {
                // Over HTTP/2 hyper would send it.
                body.clear();
            }
            seen.lock().expect("no panic").push(asked);
            let mut answer = Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            let body = Full::new(Bytes::from(body));
            Ok::<_, Infallible>(answer.body(body).expect("an answer"))
        }
    });
    let stream = TokioIo::new(stream);
    // A client that goes away is no failure of the server.
    if http2 {
        let server = conn::http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(stream, service).await;
    } else {
        let _ = conn::http1::Builder::new()
            .serve_connection(stream, service)
            .await;
    }
}

async fn read(request: Request<Incoming>) -> Asked {
    let (parts, body) = request.into_parts();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let headers = parts.headers.iter();
    let headers: BTreeMap<String, String> = headers
        .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
        .collect();
    let authority = parts.uri.authority().map(ToString::to_string);
    Asked {
        method: parts.method.to_string(),
        path: parts
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        authority: authority
            .or_else(|| headers.get("host").cloned())
            .unwrap_or_default(),
        headers,
        body: text(&body.unwrap_or_default()),
    }
}

/// A plan that sends so many requests and then ends.
pub(crate) fn plan(url: &str, engine: Engine, requests: u64) -> Plan {
    let load = Load::Open("60s@400".parse().expect("a profile"));
    let mut plan = Plan::new(url.parse().expect("a URL"), load);
    (plan.engine, plan.requests) = (engine, Some(requests));
    (plan.threads, plan.connections, plan.spread) = (2, 4, 2);
    (plan.tick, plan.probe) = (Duration::from_millis(100), false);
    plan
}

/// The reasons of the failures of all kinds.
pub(crate) fn reasons(summary: &Summary) -> Vec<String> {
    let kinds = summary.failures.keys();
    let reasons = kinds.flat_map(|kind| summary.reasons.of(*kind));
    reasons
        .map(|(reason, count)| format!("{count} × {reason}"))
        .collect()
}
