//! The agent's port over TLS.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use reqwest::{Certificate, Client};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{end_of, said};
use crate::agent_support::{Agent, Environment, PATIENCE, Settings, until};

const TOKEN: &str = "only-grafana-knows-this";

/// A certificate of this machine, and a client that trusts it and no other.
struct Identity {
    certificate: String,
    key: String,
}

impl Identity {
    fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        Self {
            certificate: cert.pem(),
            key: signing_key.serialize_pem(),
        }
    }

    fn put(&self, folder: &Path) {
        for (name, text) in [("agent.crt", &self.certificate), ("agent.key", &self.key)] {
            let draft = folder.join("draft");
            fs::write(&draft, text).unwrap();
            fs::rename(&draft, folder.join(name)).unwrap();
        }
    }

    fn client(&self) -> Client {
        let trusted = Certificate::from_pem(self.certificate.as_bytes()).unwrap();
        let client = Client::builder().no_proxy().tls_certs_only([trusted]);
        client.build().unwrap()
    }
}

fn settings(folder: &Path) -> Settings {
    Settings::default()
        .variable("AUTOSCALER_ALERTS__TOKEN", TOKEN)
        .set("tls.certificate", folder.join("agent.crt").display())
        .set("tls.key", folder.join("agent.key").display())
}

fn url(agent: &Agent, path: &str) -> String {
    format!("https://{}{path}", agent.address)
}

fn alert() -> String {
    let alert = serde_json::json!({ "status": "firing", "labels": { "scale": "up" } });
    serde_json::json!({ "status": "firing", "alerts": [alert] }).to_string()
}

#[tokio::test]
async fn alerts_are_taken_over_https_and_not_without() {
    let environment = Environment::with_pool(1).await;
    let identity = Identity::new();
    let folder = environment.folder.path();
    identity.put(folder);
    let everyone = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.join("agent.key"), everyone).unwrap();
    let agent = environment.start(settings(folder)).await;
    let warned = agent.line("Everyone on this machine can read the key");
    assert_eq!(warned.unwrap()["fields"]["mode"], "644");
    let post = |client: &Client, url: String| client.post(url).body(alert()).bearer_auth(TOKEN);
    let stranger = Identity::new().client();
    let refused = post(&stranger, url(&agent, "/webhook")).send().await;
    assert!(refused.is_err(), "another certificate is not trusted");
    let plain = post(&identity.client(), agent.url("/webhook")).send().await;
    assert!(plain.is_err(), "there is no plain HTTP beside it");
    assert_eq!(environment.writes(), 0);
    let client = identity.client();
    let without = client.post(url(&agent, "/up")).send().await.unwrap();
    assert_eq!(without.status(), 401);
    let answer = post(&client, url(&agent, "/webhook")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["accepted"][0], "up");
    environment.until_size(2).await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_closes_no_old_one() {
    let environment = Environment::with_pool(1).await;
    let folder = environment.folder.path();
    let (first, second) = (Identity::new(), Identity::new());
    first.put(folder);
    let agent = environment.start(settings(folder)).await;
    let events = first.client().get(url(&agent, "/events")).send();
    let mut events = events.await.unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    // Nothing is lost meanwhile: the files change one after the other, and may be wrong.
    fs::write(folder.join("agent.key"), "nothing").unwrap();
    until("the mistake is told", || {
        agent.line("New TLS files cannot be used")
    })
    .await;
    let health = url(&agent, "/healthz");
    first
        .client()
        .get(&health)
        .send()
        .await
        .expect("the old certificate");
    second.put(folder);
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = second.client().get(&health).send().await {
        assert!(Instant::now() < deadline, "{error:?}\n{}", agent.log());
        sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(first.client().get(&health).send().await.is_err());
    let up = second.client().get(url(&agent, "/up")).bearer_auth(TOKEN);
    assert_eq!(up.send().await.unwrap().status(), 200);
    environment.until_size(2).await;
    let mut seen = String::new();
    while !seen.contains("\"verdict\":\"acted\"") {
        let chunk = events.chunk().await.unwrap().expect("the stream goes on");
        seen.push_str(&String::from_utf8_lossy(&chunk));
    }
}

#[tokio::test]
async fn files_that_serve_no_tls_are_named_with_what_is_wrong() {
    let environment = Environment::with_pool(1).await;
    let folder = environment.folder.path();
    let identity = Identity::new();
    let other = KeyPair::generate().unwrap().serialize_pem();
    for (certificate, key, parts) in [
        (
            None,
            Some(&*identity.key),
            ["tls.certificate", "there is no file"],
        ),
        (
            Some(&*identity.certificate),
            None,
            ["tls.key", "there is no file"],
        ),
        (
            Some("text"),
            Some(&*identity.key),
            ["tls.certificate", "no certificate in PEM"],
        ),
        (
            Some(&*identity.certificate),
            Some(""),
            ["tls.key", "no private key in PEM"],
        ),
        (
            Some(&*identity.certificate),
            Some(&*other),
            ["tls.key", "must be that of the first"],
        ),
    ] {
        for (name, text) in [("agent.crt", certificate), ("agent.key", key)] {
            let _ = fs::remove_file(folder.join(name));
            if let Some(text) = text {
                fs::write(folder.join(name), text).unwrap();
            }
        }
        let command = environment.command("agent", &settings(folder));
        let text = said(parts[1], &end_of(command).await, 1);
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    }
    let half = Settings::default().set("tls.certificate", "/x");
    let text = said(
        "half",
        &end_of(environment.command("agent", &half)).await,
        2,
    );
    assert!(text.contains("tls.key: is missing"), "{text}");
    assert_eq!(environment.calls("list-instances"), 0);
}
