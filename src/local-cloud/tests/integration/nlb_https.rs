//! Health checks over TLS.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use local_cloud::nlb::{Health, HealthCheckConfig, HealthCheckMode, ServiceConfig, Strategy};
use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, SupportedProtocolVersion,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        version,
    },
};

use crate::nlb_support::{Balanced, addresses, checked_often, fresh_ip, servers, within};

/// What a server saw of a check: the name of the handshake, and the `Host`.
type Seen = Option<(Option<String>, String)>;

/// Answers checks over TLS with a status, under a certificate for another name that has expired.
pub(crate) struct TlsServer {
    pub(crate) address: SocketAddr,
    status: watch::Sender<u16>,
    pub(crate) seen: watch::Receiver<Seen>,
    accepting: JoinHandle<()>,
}

impl TlsServer {
    pub(crate) async fn start(ip: IpAddr, version: &'static SupportedProtocolVersion) -> Self {
        let mut params = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (status, answers) = watch::channel(200);
        let (saw, seen) = watch::channel(None);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, status) = (acceptor.clone(), *answers.borrow());
                // A check that gives up is no failure of the server.
                if let Some(check) = answer(&acceptor, stream, status).await {
                    saw.send_replace(Some(check));
                }
            }
        });
        Self {
            address,
            status,
            seen,
            accepting,
        }
    }

    fn checked(&self, sni: Option<&str>) -> ServiceConfig {
        let health = HealthCheckConfig {
            mode: HealthCheckMode::Https {
                uri: "/healthz".into(),
                sni: sni.map(Into::into),
            },
            port: self.address.port(),
            interval: Duration::from_millis(500),
            timeout: Duration::from_millis(500),
            // A busy machine may miss one.
            retries: 3,
        };
        ServiceConfig::new(SocketAddr::new(fresh_ip(), 0), Strategy::RoundRobin, health)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    status: u16,
) -> Option<(Option<String>, String)> {
    let stream = acceptor.accept(stream).await.ok()?;
    let name = stream.get_ref().1.server_name().map(str::to_owned);
    let mut stream = BufReader::new(stream);
    let (mut line, mut head) = (String::new(), Vec::new());
    while stream.read_line(&mut line).await.ok()? > 2 {
        head.push(line.trim_end().to_owned());
        line.clear();
    }
    assert_eq!(head[0], "GET /healthz HTTP/1.1");
    let host = head.iter().find_map(|line| line.strip_prefix("Host: "));
    let text = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()?;
    Some((name, host?.to_owned()))
}

#[tokio::test]
async fn any_certificate_will_do_and_the_status_decides() {
    for version in [&version::TLS12, &version::TLS13] {
        let mut server = TlsServer::start(fresh_ip(), version).await;
        let config = server.checked(Some("example.net"));
        let balanced = Balanced::start(config, vec![server.address]).await;
        balanced.all(1, Health::Success).await;
        let seen = within("a check", server.seen.wait_for(Option::is_some)).await;
        let (name, host) = seen.unwrap().clone().unwrap();
        assert_eq!(name.as_deref(), Some("example.net"));
        assert_eq!(host, "example.net");
        server.status.send_replace(503);
        balanced.all(1, Health::Failure).await;
    }
}

#[tokio::test]
async fn without_a_domain_none_is_sent() {
    let mut server = TlsServer::start(fresh_ip(), &version::TLS13).await;
    let balanced = Balanced::start(server.checked(None), vec![server.address]).await;
    balanced.all(1, Health::Success).await;
    let seen = within("a check", server.seen.wait_for(Option::is_some)).await;
    let expected = (None, server.address.to_string());
    assert_eq!(seen.unwrap().clone(), Some(expected));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_fails() {
    let servers = servers(1);
    let plain = checked_often(&servers, 1);
    let balanced = Balanced::healthy(plain.clone(), &servers).await;
    let mut config = plain;
    config.health.mode = HealthCheckMode::Https {
        uri: "/health".into(),
        sni: None,
    };
    balanced.service.update(config).unwrap();
    balanced
        .member_becomes(addresses(&servers)[0], Health::Failure)
        .await;
}
