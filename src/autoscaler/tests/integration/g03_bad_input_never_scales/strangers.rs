//! Who may not send alerts changes nothing.

use agent::webhook_receiver::MAX_BODY;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::Method;
use sha2::Sha256;

use super::{assert_untouched, documents::unified, send, webhook};
use crate::agent_support::{Agent, Environment, Settings};

const TOKEN: &str = "only-grafana-knows-this";
const PASSWORD: &str = "nor-this";
const SECRET: &str = "signing-key";

fn signature(body: &str, time: Option<i64>) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    if let Some(time) = time {
        mac.update(format!("{time}:").as_bytes());
    }
    mac.update(body.as_bytes());
    let bytes = mac.finalize().into_bytes();
    let hex = |text: String, byte: &u8| text + &format!("{byte:02x}");
    bytes.iter().fold(String::new(), hex)
}

fn protected() -> Settings {
    Settings::default()
        .set("alerts.token", TOKEN)
        .set("alerts.user", "grafana")
        .set("alerts.password", PASSWORD)
        .set("alerts.hmac_secret", SECRET)
}

#[tokio::test]
async fn strangers_are_refused_and_change_nothing() {
    let environment = Environment::with_pool(3).await;
    let timed = protected().set("alerts.hmac_timestamp_header", "X-Time");
    let agent = environment.start(timed).await;
    let body = unified("firing", "Pool loaded", "up").to_string();
    let now = Timestamp::now().as_second();
    let header = "X-Grafana-Alerting-Signature";
    let strangers: [(&str, Vec<(&str, String)>); 11] = [
        ("nothing", vec![]),
        (
            "wrong token",
            vec![("authorization", "Bearer wrong".to_owned())],
        ),
        (
            "a token's start",
            vec![("authorization", format!("Bearer {}", &TOKEN[..8]))],
        ),
        (
            "an empty token",
            vec![("authorization", "Bearer ".to_owned())],
        ),
        (
            "token without a scheme",
            vec![("authorization", TOKEN.to_owned())],
        ),
        (
            "wrong password",
            vec![("authorization", "Basic Z3JhZmFuYTp3cm9uZw==".to_owned())],
        ),
        (
            "signature of another body",
            vec![
                (header, signature("{}", Some(now))),
                ("X-Time", now.to_string()),
            ],
        ),
        (
            "signature without its time",
            vec![(header, signature(&body, Some(now)))],
        ),
        (
            "signature that leaves out the time",
            vec![
                (header, signature(&body, None)),
                ("X-Time", now.to_string()),
            ],
        ),
        (
            "an old signature",
            vec![
                (header, signature(&body, Some(now - 3600))),
                ("X-Time", (now - 3600).to_string()),
            ],
        ),
        (
            "no signature",
            vec![(header, "zz".to_owned()), ("X-Time", now.to_string())],
        ),
    ];
    for path in ["/webhook", "/up", "/down"] {
        for (who, headers) in &strangers {
            let mut request = agent.http.post(agent.url(path)).body(body.clone());
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let (status, answer) = send(request).await;
            assert_eq!(status, 401, "{path} with {who}: {answer}");
        }
    }
    // A signature of what is not read whole cannot be checked.
    let large = vec![b' '; MAX_BODY + 1];
    let (status, _) = send(agent.http.post(agent.url("/down")).body(large)).await;
    assert_eq!(status, 413);
    assert_untouched(&environment, &agent).await;

    let signed = webhook(&agent, body.clone())
        .header(header, signature(&body, Some(now)))
        .header("X-Time", now.to_string());
    assert_eq!(send(signed).await.0, 200);
    environment.until_size(4).await;
}

#[tokio::test]
async fn each_way_to_show_oneself_is_enough() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(protected()).await;
    let body = unified("firing", "Pool loaded", "up").to_string();
    let post = || webhook(&agent, body.clone());
    let header = "X-Grafana-Alerting-Signature";
    let known = [
        ("token", post().bearer_auth(TOKEN)),
        (
            "token, scheme in small letters",
            post().header("authorization", format!("bearer {TOKEN}")),
        ),
        ("password", post().basic_auth("grafana", Some(PASSWORD))),
        ("signature", post().header(header, signature(&body, None))),
        (
            "signature in capitals",
            post().header(header, signature(&body, None).to_uppercase()),
        ),
    ];
    for (who, request) in known {
        let (status, answer) = send(request).await;
        assert_eq!(status, 200, "{who}: {answer}");
        assert!(answer.contains(r#""accepted":["up"]"#), "{who}: {answer}");
    }
    environment.until_size(2).await;
}

/// Another site's page can have a browser ask for a path, with a password that the browser keeps.
#[tokio::test]
async fn pages_of_other_sites_scale_nothing_through_a_browser() {
    let environment = Environment::with_pool(3).await;
    let body = unified("firing", "Pool loaded", "up").to_string();
    let methods = [
        (Method::GET, "/up"),
        (Method::HEAD, "/down"),
        (Method::POST, "/up/"),
        (Method::PUT, "/down"),
        (Method::POST, "/webhook"),
    ];
    for settings in [Settings::default(), protected()] {
        let agent = environment.start(settings).await;
        for (name, value) in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("referer", "http://evil.example/page"),
        ] {
            for (method, path) in &methods {
                let request = agent.http.request(method.clone(), agent.url(path));
                let request = request.bearer_auth(TOKEN).header(name, value);
                let (status, answer) = send(request.body(body.clone())).await;
                assert_eq!(status, 403, "{method} {path}, {name}: {value}: {answer}");
            }
        }
        assert_untouched(&environment, &agent).await;
        let metrics = agent.get("/metrics").await.text().await.unwrap();
        let counted = r#"{direction="none",outcome="refused",reason="cross_site"} 25"#;
        assert!(metrics.contains(counted), "{metrics}");
        let line = agent.line("Alert is refused.").expect("a line");
        assert_eq!(line["fields"]["status"], 403);
    }
    let agent = environment.start(Settings::default()).await;
    let own = agent
        .http
        .post(agent.url("/up"))
        .header("sec-fetch-site", "same-origin")
        .header("origin", agent.url(""));
    let (status, answer) = send(own).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#""accepted":["up"]"#), "{answer}");
}

/// A name of theirs that leads here (DNS rebinding) makes their page one of the agent's own.
#[tokio::test]
async fn without_a_token_a_name_that_strangers_can_make_lead_here_is_refused() {
    let environment = Environment::with_pool(1).await;
    let open = || Settings::default().set("alerts.allowed_hosts", "agent.example");
    let agent = environment.start(open()).await;
    let ask = async |agent: &Agent, path: &str, host: &str, token: &str| {
        let mut request = agent.http.get(agent.url(path)).header("host", host);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        send(request).await
    };
    for host in [
        "evil.example",
        "evil.example:8090",
        "agent.example.evil.example",
    ] {
        for path in ["/up", "/down"] {
            let (status, answer) = ask(&agent, path, host, "").await;
            assert_eq!(status, 403, "{host}: {answer}");
            assert!(answer.contains("alerts.allowed_hosts"), "{answer}");
        }
    }
    assert_untouched(&environment, &agent).await;
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    let counted = r#"{direction="none",outcome="refused",reason="foreign_host"} 6"#;
    assert!(metrics.contains(counted), "{metrics}");
    for host in [
        "localhost:8090",
        "127.0.0.1",
        "[::1]:8090",
        "autoscaler:8090",
        "agent.example",
    ] {
        assert_eq!(ask(&agent, "/down", host, "").await.0, 200, "{host}");
    }
    drop(agent);
    // No page knows the token.
    let agent = environment.start(open().set("alerts.token", TOKEN)).await;
    assert_eq!(ask(&agent, "/up", "monitoring.example", TOKEN).await.0, 200);
    assert_eq!(ask(&agent, "/up", "evil.example", "").await.0, 401);
}
