//! A small HTTP server that answers as a test tells it to, and misbehaves where a well-made one
//! cannot: it hangs, cuts answers short, drips, and closes after the request.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use exoscale::{
    Backoff, ClientConfig,
    calls::Outcome,
    secret::{ApiKey, ApiSecret},
    signature::{SignatureError, SignedRequest, query_arguments, verify},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub(crate) const KEY: &str = "EXO0123456789abcdef01234567";
pub(crate) const SECRET: &str = "wire-test-secret-hunter2-0123456789abcdefghi";

/// Whether a request went out at all.
pub(crate) fn was_sent(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::OverBudget | Outcome::Paused)
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A whole answer with further headers.
    Answer(u16, &'static str, String),
    /// A whole answer, after which the connection is closed unannounced.
    AnswerAndClose(String),
    /// Close the connection without a word.
    Close,
    /// Say that 1,000 bytes come, send a few, close.
    Cut,
    /// Never answer.
    Hang,
    /// A byte every 20 ms, without end.
    Drip,
}

pub(crate) fn json(status: u16, body: impl Into<String>) -> Reply {
    Reply::Answer(status, "content-type: application/json\r\n", body.into())
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// Checks the signature as the local cloud does.
    pub(crate) fn verify(&self, now: u64) -> Result<&str, SignatureError> {
        let query = query_arguments(&self.query);
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &query,
            body: &self.body,
        };
        let secret = |key: &str| (key == KEY).then(secret);
        verify(self.authorization.as_deref(), request, secret, now)
    }
}

#[derive(Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
}

/// The server; it ends when dropped.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    log: Arc<Log>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// Starts one that answers request number `n` (from 0) with `script(n, request)`.
    pub(crate) async fn start(
        script: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v2", listener.local_addr().unwrap());
        let log = Arc::new(Log::default());
        let script = Arc::new(script);
        let shared = Arc::clone(&log);
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, script) = (Arc::clone(&shared), Arc::clone(&script));
                connections.spawn(async move {
                    // A client that goes away in the middle is part of the tests.
                    let _ = serve(stream, &shared, script.as_ref()).await;
                });
            }
        });
        Self {
            endpoint,
            log,
            accepting,
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.log.connections.load(Ordering::SeqCst)
    }

    /// Settings for this server that try three times in quick succession.
    pub(crate) fn config(&self) -> ClientConfig {
        config(&self.endpoint)
    }
}

pub(crate) fn config(endpoint: &str) -> ClientConfig {
    let quick = Backoff {
        base: Duration::from_millis(2),
        cap: Duration::from_millis(10),
    };
    let key: ApiKey = KEY.parse().unwrap();
    ClientConfig {
        retries: 2,
        backoff: quick,
        polling: quick,
        ..ClientConfig::for_endpoint(endpoint.parse().unwrap(), key, secret())
    }
}

pub(crate) fn secret() -> ApiSecret {
    SECRET.parse().unwrap()
}

async fn serve(
    stream: TcpStream,
    log: &Log,
    script: &(impl Fn(usize, &Seen) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await? {
        let number = {
            let mut seen = log.seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        match script(number, &request) {
            Reply::Answer(status, headers, body) => {
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{headers}\r\n");
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(body.as_bytes()).await?;
            }
            Reply::AnswerAndClose(body) => {
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                return stream.write_all(answer.as_bytes()).await;
            }
            Reply::Close => return Ok(()),
            Reply::Cut => {
                let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"id\":";
                return stream.write_all(cut).await;
            }
            Reply::Hang => std::future::pending::<()>().await,
            Reply::Drip => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n")
                    .await?;
                loop {
                    stream.write_all(b" ").await?;
                    stream.flush().await?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
    Ok(())
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Seen>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let header = |name: &str| {
        lines[1..]
            .iter()
            .filter_map(|line| line.split_once(':'))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let mut words = lines[0].split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let length = header("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Seen {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        authorization: header("authorization"),
        body,
    }))
}
