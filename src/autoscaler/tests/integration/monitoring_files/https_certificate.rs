//! `https/certificate.sh`, with the real openssl where it is installed.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, KeyPair};
use reqwest::{Certificate, Client};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::files;
use crate::agent_support::{Environment, Settings, tool};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A host with its state and what its web server reads.
struct Host(TempDir);

/// What the web server reads.
#[derive(Debug, PartialEq, Eq)]
struct Pair {
    certificate: String,
    key: String,
}

impl Host {
    /// Nothing where openssl is not installed.
    fn new() -> Option<Self> {
        tool("openssl")?;
        Some(Self(tempfile::tempdir().expect("a temporary folder")))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// With `given.crt` and `given.key`, where they are.
    fn run(&self, addresses: &str) -> Output {
        let output = self.command().env("ADDRESSES", addresses).output();
        output.expect("there is a shell")
    }

    /// With the addresses that this `ip` tells.
    fn run_with_ip(&self, script: &str) -> Output {
        self.put("bin/ip", script);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path("bin/ip"), executable).unwrap();
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = self.command();
        let output = command.env_remove("ADDRESSES").env("PATH", path).output();
        output.expect("there is a shell")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("sh");
        command
            .arg(files::path("https/certificate.sh"))
            .args(["state", "to", "given.crt", "given.key"].map(|name| self.path(name)));
        command
    }

    fn give(&self, pair: &Pair) {
        self.put("given.crt", &pair.certificate);
        self.put("given.key", &pair.key);
    }

    /// As one that the host made earlier.
    fn keep(&self, pair: &Pair) {
        self.put("state/certificate.pem", &pair.certificate);
        self.put("state/key.pem", &pair.key);
    }

    /// What it says, and what the web server then finds.
    fn starts(&self, addresses: &str) -> (String, Pair) {
        let output = self.run(addresses);
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (said, self.served())
    }

    fn refuses(&self) -> String {
        let output = self.run("192.0.2.7");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    }

    fn served(&self) -> Pair {
        let [certificate, key] = ["to/certificate.pem", "to/key.pem"].map(|name| {
            assert_eq!(mode(&self.path(name)), 0o600, "{name}");
            files::text(&self.path(name))
        });
        Pair { certificate, key }
    }

    /// Whether it says that the certificate is another one; forgets it, as the service does.
    fn takes_change(&self) -> bool {
        fs::remove_file(self.path("to/changed")).is_ok()
    }

    fn names(&self) -> String {
        let output = Command::new("openssl")
            .args(["x509", "-noout", "-ext", "subjectAltName", "-in"])
            .arg(self.path("to/certificate.pem"))
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }
}

impl Pair {
    /// For this address, and valid between these times.
    fn new(address: &str, from: SystemTime, until: SystemTime) -> Self {
        let names = vec!["127.0.0.1".to_owned(), address.to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = from.into();
        params.not_after = until.into();
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn until(until: SystemTime) -> Self {
        Self::new("192.0.2.7", SystemTime::UNIX_EPOCH, until)
    }

    /// As browsers and openssl show it.
    fn fingerprint(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let digest = Sha256::digest(&der);
        let bytes = digest.iter().map(|byte| format!("{byte:02X}"));
        bytes.collect::<Vec<_>>().join(":")
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_it_makes_is_for_the_hosts_addresses_and_stays_over_restarts() {
    let Some(host) = Host::new() else { return };
    let (said, made) = host.starts("192.0.2.7\n198.51.100.8");
    let line = format!("SHA-256 fingerprint {}\n", made.fingerprint());
    assert!(said.ends_with(&line), "{said}");
    assert!(host.takes_change());
    let names = host.names();
    for name in ["localhost", "127.0.0.1", "192.0.2.7", "198.51.100.8"] {
        assert!(names.contains(name), "{name}: {names}");
    }
    for name in ["state/certificate.pem", "state/key.pem"] {
        assert_eq!(mode(&host.path(name)), 0o600, "{name}");
    }
    assert_eq!(host.starts("192.0.2.7 198.51.100.8"), (said.clone(), made));
    assert!(!host.takes_change());
    // A boot: what the web server reads is gone.
    fs::remove_dir_all(host.path("to")).unwrap();
    let (again, _) = host.starts("198.51.100.8");
    assert_eq!(again, said);
    assert!(host.takes_change());
    // It got a further address.
    let (_, other) = host.starts("203.0.113.9");
    assert!(!said.contains(&other.fingerprint()));
    assert!(host.names().contains("203.0.113.9"));
}

#[test]
fn it_asks_ip_for_the_hosts_addresses_and_says_when_it_gets_no_answer() {
    let Some(host) = Host::new() else { return };
    let silent = host.run_with_ip("#!/bin/sh\nexit 1\n");
    assert_eq!(silent.status.code(), Some(1), "{silent:?}");
    let said = String::from_utf8_lossy(&silent.stderr);
    assert!(said.contains("which addresses this host has"), "{said}");
    let two = "#!/bin/sh\ncat <<'TEXT'\n\
        2: eth0    inet 192.0.2.7/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever\n\
        3: eth1    inet 198.51.100.8/32 scope global eth1\\       valid_lft forever\nTEXT\n";
    let output = host.run_with_ip(two);
    assert!(output.status.success(), "{output:?}");
    let names = host.names();
    for name in ["IP Address:192.0.2.7", "IP Address:198.51.100.8"] {
        assert!(names.contains(name), "{name}: {names}");
    }
}

#[test]
fn it_makes_another_before_the_old_one_expires_or_where_that_cannot_be_used() {
    let Some(host) = Host::new() else { return };
    let now = SystemTime::now();
    let good = Pair::until(now + 31 * DAY);
    host.keep(&good);
    assert_eq!(host.starts("192.0.2.7").1, good);
    let (expires, other) = (Pair::until(now + 29 * DAY), Pair::until(now + 90 * DAY));
    let mixed = Pair {
        key: other.key,
        ..Pair::until(now + 90 * DAY)
    };
    let text = |text: &str| Pair {
        certificate: text.to_owned(),
        key: text.to_owned(),
    };
    for (what, bad) in [
        ("29 days left", expires),
        ("expired", Pair::until(now - DAY)),
        (
            "not valid yet",
            Pair::new("192.0.2.7", now + DAY, now + 90 * DAY),
        ),
        (
            "another address",
            Pair::new("192.0.2.70", now - DAY, now + 90 * DAY),
        ),
        ("another key", mixed),
        ("empty", text("")),
        ("no certificate", text("hello")),
    ] {
        host.keep(&bad);
        let (_, made) = host.starts("192.0.2.7");
        assert_ne!(made, bad, "{what}");
        assert!(host.takes_change(), "{what}");
        assert_eq!(host.starts("192.0.2.7").1, made, "{what}");
    }
}

#[test]
fn a_given_certificate_wins_and_its_successor_is_taken_over() {
    let Some(host) = Host::new() else { return };
    let now = SystemTime::now();
    for name in ["given.crt", "given.key"] {
        host.put(name, "");
    }
    let (_, made) = host.starts("192.0.2.7");
    for (given, is_short) in [
        (Pair::until(now + 90 * DAY), false),
        (Pair::until(now + 29 * DAY), true),
        // The host must stay reachable, and browsers warn.
        (Pair::until(now - DAY), true),
    ] {
        host.give(&given);
        let (said, served) = host.starts("192.0.2.7");
        assert_eq!(served, given);
        assert!(said.contains(&given.fingerprint()), "{said}");
        assert_eq!(said.contains("less than 30 days left"), is_short, "{said}");
        assert!(host.takes_change());
    }
    for name in ["given.crt", "given.key"] {
        fs::remove_file(host.path(name)).unwrap();
    }
    assert_eq!(host.starts("192.0.2.7").1, made);
}

#[test]
fn a_pair_that_cannot_be_used_is_refused_with_a_sentence_and_replaces_nothing() {
    let Some(host) = Host::new() else { return };
    let later = SystemTime::now() + 90 * DAY;
    let (good, other) = (Pair::until(later), Pair::until(later));
    host.give(&good);
    host.starts("192.0.2.7");
    for (certificate, key, said) in [
        (
            good.certificate.as_str(),
            other.key.as_str(),
            "do not belong together",
        ),
        (&good.certificate, "", "is given without its private key"),
        ("", &good.key, "is given without its certificate"),
        ("hello", &good.key, "holds no certificate in PEM"),
        (&good.key, &good.key, "holds no certificate in PEM"),
        (&good.certificate, "hello", "without a private key in PEM"),
        (
            &good.certificate,
            &good.certificate,
            "without a private key in PEM",
        ),
    ] {
        host.put("given.crt", certificate);
        host.put("given.key", key);
        let text = host.refuses();
        assert!(text.contains(said), "{said}: {text}");
        assert_eq!(host.served(), good, "{said}");
    }
}

#[tokio::test]
async fn a_client_that_trusts_what_it_made_reaches_a_server_that_shows_it() {
    let Some(host) = Host::new() else { return };
    let (_, made) = host.starts("192.0.2.7");
    let environment = Environment::with_pool(1).await;
    let settings = Settings::default()
        .variable("AUTOSCALER_ALERTS__TOKEN", "only-grafana-knows-this")
        .set("tls.certificate", host.path("to/certificate.pem").display())
        .set("tls.key", host.path("to/key.pem").display());
    let agent = environment.start(settings).await;
    let trusted = Certificate::from_pem(made.certificate.as_bytes()).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only([trusted]);
    let url = format!("https://{}/healthz", agent.address);
    let answer = client.build().unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}
