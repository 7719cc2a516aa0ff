//! `autoscaler instance-data`, as an image calls it at boot.

mod certificates;
mod operator;

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "a-secret-that-nobody-may-see";
const SSH_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD9Hp8hcRZ3N4BHkXxJCVfLhH3H4OhCm3qjeVwIeOCN me";

fn monitoring() -> Value {
    json!({
        "version": 1,
        "role": "monitoring",
        "ssh_authorized_keys": [SSH_KEY],
        "agent": {
            "exoscale": {
                "zone": "at-vie-1", "key": "EXO1", "secret": SECRET,
                "instance_pool": "5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0009",
            },
            "scaling": { "min_size": 2, "max_size": "7" },
            "thresholds": { "up": 0.7, "down": 0.2 },
            "alerts": { "token": "0123456789abcdef" },
        },
        "grafana": { "admin_password": "correct horse" },
        "operator": {
            "emails": ["ops@example.com"],
            "smtp": {
                "host": "mail.example.com:587", "from": "autoscaler@example.com",
                "user": "autoscaler", "password": SECRET,
            },
            "webhook": { "url": format!("https://ops.example.com/{SECRET}") },
        },
    })
}

/// The document with another value at a place.
fn changed(pointer: &str, value: Value) -> Value {
    let mut document = monitoring();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[name] = value;
    document
}

fn slow_app() -> Value {
    json!({
        "version": 1,
        "role": "slow-app",
        "slow_app": { "drain_token": SECRET, "work_ms": 50, "load_seconds": 2.5, "grace": "30s" },
    })
}

async fn serve(body: impl Into<Vec<u8>>) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_bytes(body);
    Mock::given(path("/latest/user-data"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

/// Runs the command with a folder that is not there yet.
async fn install(server: &MockServer, folder: &Path, further: &[&str]) -> Output {
    let run = Command::new(env!("CARGO_BIN_EXE_autoscaler"))
        .args(["instance-data", "--metadata-url", &server.uri(), "--output"])
        .arg(folder)
        .args(further)
        .env_remove("INSTANCE_ROLE")
        // The metadata service is not behind a proxy.
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    timeout(PATIENCE, run).await.expect("it ends").unwrap()
}

/// What it says when it refuses a document, of which nothing is written.
async fn refusal(document: &Value, further: &[&str]) -> String {
    let server = serve(document.to_string()).await;
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("instance");
    let ended = install(&server, &output, further).await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(!output.exists());
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(!said.contains(SECRET), "{said}");
    said
}

fn file(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{name}");
    fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn each_program_of_the_monitoring_instance_gets_its_part() {
    let server = serve(monitoring().to_string()).await;
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("instance");
    let ended = install(&server, &output, &["--role", "monitoring"]).await;
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    assert!(!said.contains(SECRET), "{said}");
    let mode = fs::metadata(&output).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    assert_eq!(file(&output, "authorized_keys"), format!("{SSH_KEY}\n"));
    assert_eq!(file(&output, "alerts-token"), "0123456789abcdef");
    assert_eq!(file(&output, "grafana-admin-password"), "correct horse");
    assert_eq!(
        file(&output, "grafana.env"),
        "THRESHOLD_UP=\"0.7\"\nTHRESHOLD_DOWN=\"0.2\"\nGF_SMTP_ENABLED=\"true\"\n\
         GF_SMTP_HOST=\"mail.example.com:587\"\nGF_SMTP_FROM_ADDRESS=\"autoscaler@example.com\"\n\
         GF_SMTP_USER=\"autoscaler\"\n"
    );
    assert_eq!(file(&output, "smtp-password"), SECRET);
    // Without one of its own the host makes a certificate.
    assert_eq!(file(&output, "tls-certificate.pem"), "");
    assert_eq!(file(&output, "tls-key.pem"), "");
    let contact = file(&output, "operator-contact-point.yml");
    assert!(
        contact.contains("addresses: 'ops@example.com'"),
        "{contact}"
    );
    assert!(said.contains("e-mail, webhook"), "{said}");
    let agent: toml::Table = file(&output, "agent.toml").parse().unwrap();
    assert_eq!(agent["exoscale"]["secret"].as_str(), Some(SECRET));
    assert_eq!(agent["scaling"]["min_size"].as_integer(), Some(2));
    assert_eq!(fs::read_dir(&output).unwrap().count(), 9);
    // The agent takes the file.
    let check = Command::new(env!("CARGO_BIN_EXE_autoscaler"))
        .args(["check-config", "--config"])
        .arg(output.join("agent.toml"))
        .env_clear()
        .output();
    let check = check.await.unwrap();
    assert!(
        check.status.success(),
        "{}",
        String::from_utf8_lossy(&check.stderr)
    );
}

#[tokio::test]
async fn a_members_settings_become_variables_and_gzip_is_understood() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(slow_app().to_string().as_bytes()).unwrap();
    let server = serve(gzip.finish().unwrap()).await;
    let folder = TempDir::new().unwrap();
    let ended = install(&server, folder.path(), &["--role", "slow-app"]).await;
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!(file(folder.path(), "authorized_keys"), "");
    let expected = format!(
        "SLOW_APP_DRAIN_TOKEN=\"{SECRET}\"\nSLOW_APP_WORK_MS=\"50\"\nSLOW_APP_LOAD_SECONDS=\"2.5\"\nSLOW_APP_GRACE=\"30s\"\n"
    );
    assert_eq!(file(folder.path(), "slow-app.env"), expected);

    // A later boot with other settings replaces the file.
    let other = json!({ "version": 1, "role": "slow-app" });
    let ended = install(&serve(other.to_string()).await, folder.path(), &[]).await;
    assert!(ended.status.success());
    assert_eq!(file(folder.path(), "slow-app.env"), "");
}

#[tokio::test]
async fn it_asks_until_there_is_an_answer() {
    let server = MockServer::start().await;
    let late = ResponseTemplate::new(503);
    Mock::given(path("/latest/user-data"))
        .respond_with(late)
        .up_to_n_times(2)
        .mount(&server)
        .await;
    let answer = ResponseTemplate::new(200).set_body_string(slow_app().to_string());
    Mock::given(path("/latest/user-data"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let folder = TempDir::new().unwrap();
    let ended = install(&server, folder.path(), &[]).await;
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn without_an_answer_it_gives_up_and_says_where_it_asked() {
    let server = MockServer::start().await;
    Mock::given(path("/latest/user-data"))
        .respond_with(ResponseTemplate::new(503))
        .mount(&server)
        .await;
    let folder = TempDir::new().unwrap();
    let ended = install(&server, folder.path(), &["--wait", "1s"]).await;
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        said.contains("/latest/user-data within 1s: it answered 503"),
        "{said}"
    );

    let nothing = MockServer::start().await;
    let ended = install(&nothing, folder.path(), &[]).await;
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("this instance has no user-data"), "{said}");
}

#[tokio::test]
async fn a_mistake_is_named_and_nothing_is_written() {
    for (pointer, value, said) in [
        ("/version", json!(2), "version: is 2; this image knows 1"),
        (
            "/role",
            json!("database"),
            "role: unknown variant `database`",
        ),
        ("/agnet", json!({}), "unknown field `agnet`"),
        ("/agent", json!(SECRET), "agent: must be an object"),
        ("/agent/scaling/min_sise", json!(1), "`scaling.min_size`"),
        ("/agent/scaling/min_size", json!(9), "scaling.min_size"),
        (
            "/agent/scaling/min_size",
            json!([1]),
            "agent.scaling.min_size: must be a text",
        ),
        (
            "/agent/exoscale/secret",
            json!(format!("{SECRET}, two")),
            "exoscale.secret",
        ),
        (
            "/grafana/admin_password",
            json!("short"),
            "grafana.admin_password: has fewer than 8",
        ),
        (
            "/grafana/admin_password",
            json!(format!("{SECRET}%(admin_user)s")),
            "grafana.admin_password: must be one line",
        ),
        (
            "/grafana/admin_password",
            json!(format!("{SECRET} ")),
            "grafana.admin_password: must be one line",
        ),
        (
            "/grafana/admin_password",
            json!([SECRET]),
            "grafana.admin_password: must be a text",
        ),
        (
            "/ssh_authorized_keys",
            json!([SSH_KEY, "a\nb"]),
            "ssh_authorized_keys[1]: must be one line",
        ),
        (
            "/ssh_authorized_keys",
            json!(["hello"]),
            "ssh_authorized_keys[0]: has no type of key",
        ),
        (
            "/ssh_authorized_keys",
            json!([SECRET]),
            "ssh_authorized_keys[0]: has no type of key",
        ),
    ] {
        let text = refusal(&changed(pointer, value), &[]).await;
        assert!(text.contains(said), "{pointer}: {text}");
        assert_eq!(text.matches(said).count(), 1, "it is said once: {text}");
    }
    let list = refusal(&json!([1, "monitoring"]), &[]).await;
    let expected = "error: the user-data cannot be used: the document: must be an object\n";
    assert_eq!(list, expected);
    let text = refusal(&monitoring(), &["--role", "slow-app"]).await;
    assert!(
        text.contains("is for the role monitoring, and this instance is a slow-app"),
        "{text}"
    );
    for (field, value) in [
        ("grace", json!("soon")),
        ("drain_token", json!(format!("{SECRET}\"\nX=1"))),
        ("work_ms", json!(-1)),
        ("work_ms", json!(20_000)),
        ("load_seconds", json!(1e300)),
        ("queue_limit", json!(u64::MAX)),
    ] {
        let mut document = slow_app();
        document["slow_app"][field] = value;
        let text = refusal(&document, &[]).await;
        assert!(text.contains(&format!("slow_app.{field}: ")), "{text}");
    }
}
