//! A server of hyper's, with HTTP/2 or HTTP/1.1, encrypted or not, over TCP or a Unix socket.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// What the server saw.
#[derive(Default)]
pub(crate) struct Visits {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    /// Each host that was asked for, and the name in TLS.
    asked: Mutex<BTreeSet<(String, Option<String>)>>,
    /// The name of each header that arrived.
    headers: Mutex<BTreeSet<String>>,
}

impl Visits {
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The only host that was asked for, and the name in TLS.
    pub(crate) fn asked(&self) -> (String, Option<String>) {
        let asked = self.asked.lock().expect("unharmed");
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.first().expect("one").clone()
    }

    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers.lock().expect("unharmed").contains(name)
    }
}

#[derive(Clone)]
pub(crate) struct Hosted {
    pub(crate) address: SocketAddr,
    pub(crate) visits: Arc<Visits>,
}

/// Starts a server on a free loopback port.
pub(crate) async fn host(http2: bool, tls: Option<TlsAcceptor>) -> Hosted {
    host_at("127.0.0.1:0", http2, tls).await
}

pub(crate) async fn host_at(address: &str, http2: bool, tls: Option<TlsAcceptor>) -> Hosted {
    let listener = TcpListener::bind(address).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let visits = Arc::new(Visits::default());
    let seen = Arc::clone(&visits);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            stream.set_nodelay(true).expect("a live connection");
            tokio::spawn(encrypt(stream, http2, tls.clone(), Arc::clone(&seen)));
        }
    });
    Hosted { address, visits }
}

/// Starts one on a Unix socket.
pub(crate) fn host_unix(path: &Path, http2: bool, tls: Option<TlsAcceptor>) -> Arc<Visits> {
    let listener = UnixListener::bind(path).expect("a socket");
    let visits = Arc::new(Visits::default());
    let seen = Arc::clone(&visits);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            tokio::spawn(encrypt(stream, http2, tls.clone(), Arc::clone(&seen)));
        }
    });
    visits
}

async fn encrypt<S>(stream: S, http2: bool, tls: Option<TlsAcceptor>, visits: Arc<Visits>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let number = visits.connections.fetch_add(1, Ordering::Relaxed);
    match tls {
        None => serve(stream, http2, None, number, visits).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                let name = stream.get_ref().1.server_name().map(str::to_owned);
                serve(stream, http2, name, number, visits).await;
            }
        }
    }
}

async fn serve<S>(stream: S, http2: bool, name: Option<String>, number: u64, visits: Arc<Visits>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        note(&request, http2, name.clone(), &visits);
        answer(request, number)
    });
    let io = TokioIo::new(stream);
    // A client that goes away is no failure of the server.
    let _ = if http2 {
        let builder = conn::http2::Builder::new(TokioExecutor::new());
        builder.serve_connection(io, service).await
    } else {
        let builder = conn::http1::Builder::new();
        builder.serve_connection(io, service).await
    };
}

fn note(request: &Request<Incoming>, http2: bool, name: Option<String>, visits: &Visits) {
    assert_eq!(request.headers().contains_key("host"), !http2);
    // In origin form, as a server is asked.
    assert_eq!(request.uri().authority().is_some(), http2);
    let host = match request.headers().get("host") {
        Some(host) => host.to_str().expect("ASCII").to_owned(),
        None => request.uri().authority().expect("checked").to_string(),
    };
    visits.requests.fetch_add(1, Ordering::Relaxed);
    visits.asked.lock().expect("unharmed").insert((host, name));
    let mut headers = visits.headers.lock().expect("unharmed");
    headers.extend(request.headers().keys().map(ToString::to_string));
}

async fn answer(
    request: Request<Incoming>,
    number: u64,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/slow" {
        std::future::pending::<()>().await;
    }
    let mut answer = Response::builder();
    match request.uri().path() {
        "/many" => answer = (0..129).fold(answer, |answer, _| answer.header("x", "y")),
        "/large" => answer = answer.header("x", "y".repeat(200_000)),
        _ => {}
    }
    let answer = answer.header("x-instance", format!("i-{}", number % 2));
    Ok(answer
        .body(Full::new(Bytes::from_static(b"hello")))
        .expect("an answer"))
}

/// A certificate for localhost and 127.0.0.1, in a file, and an acceptor that shows it.
pub(crate) fn certificate(http2: bool) -> (tempfile::TempDir, PathBuf, TlsAcceptor) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    certificate_of(&CertificateParams::new(names).expect("names"), http2)
}

pub(crate) fn certificate_of(
    parameters: &CertificateParams,
    http2: bool,
) -> (tempfile::TempDir, PathBuf, TlsAcceptor) {
    let key = KeyPair::generate().expect("a key");
    let made = parameters.self_signed(&key).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, made.pem()).expect("written");
    // For programs, which read files.
    std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).expect("written");
    let chain = vec![CertificateDer::from_pem_file(&file).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate with its key");
    config.alpn_protocols = protocols(http2);
    (folder, file, TlsAcceptor::from(Arc::new(config)))
}

pub(crate) fn protocols(http2: bool) -> Vec<Vec<u8>> {
    vec![if http2 {
        b"h2".to_vec()
    } else {
        b"http/1.1".to_vec()
    }]
}
