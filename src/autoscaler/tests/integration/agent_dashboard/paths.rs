//! Which paths are served, and what the others are answered with.

use reqwest::Method;

use super::*;

#[tokio::test]
async fn every_path_answers_with_its_type() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(Settings::default()).await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/status", "application/json"),
        ("/decisions", "application/json"),
        ("/healthz", "application/json"),
        ("/history", "application/json"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
        ("/favicon.svg", "image/svg+xml"),
    ] {
        let answer = agent.get(path).await;
        let found = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(found.starts_with(kind), "{path}: {found}");
        assert_eq!(
            answer.headers()["x-content-type-options"],
            "nosniff",
            "{path}"
        );
    }
}

#[tokio::test]
async fn each_path_is_served_with_a_slash_at_its_end_and_for_head() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(Settings::default()).await;
    environment.until_targets(2).await;
    until_health(&agent, 200).await;
    for path in [
        "/",
        "/status",
        "/decisions",
        "/history",
        "/page.js",
        "/metrics",
        "/healthz",
        "/sd",
        "/events",
    ] {
        let plain = agent.get(path).await;
        let slashed = agent.get(&format!("{path}/")).await;
        let head = agent.http.head(agent.url(path)).send().await.unwrap();
        assert_eq!(plain.status(), 200, "{path}");
        for answer in [slashed, head] {
            assert_eq!(answer.status(), 200, "{}", answer.url());
            let kind = |answer: &reqwest::Response| answer.headers()["content-type"].clone();
            assert_eq!(kind(&answer), kind(&plain), "{}", answer.url());
        }
        let head = agent
            .http
            .head(agent.url(&format!("{path}/")))
            .send()
            .await
            .unwrap();
        assert_eq!(
            head.bytes().await.unwrap(),
            "",
            "HEAD {path}/ has an end and no body"
        );
    }
    assert_eq!(environment.writes(), 0);
    let body = "{\"alerts\":[]}";
    for path in ["/up", "/webhook"] {
        let answer = agent
            .http
            .post(agent.url(&format!("{path}/")))
            .body(body)
            .send()
            .await;
        assert_eq!(answer.unwrap().status(), 200, "{path}/");
    }
    assert_eq!(agent.get("/up/").await.status(), 200);
    environment.until_size(3).await;
}

#[tokio::test]
async fn what_is_not_served_is_answered_with_what_is_and_counted() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(Settings::default()).await;
    for path in [
        "/nothing",
        "/up/up",
        "/webhooks",
        "/api/v1/alerts",
        "/UP",
        "/%2e%2e/etc",
    ] {
        for method in [reqwest::Method::GET, reqwest::Method::POST] {
            let answer = agent
                .http
                .request(method, agent.url(path))
                .body("{}")
                .send();
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 404, "{path}");
            let body: Value = answer.json().await.unwrap();
            let message = body["message"].as_str().unwrap();
            for served in ["/up", "/down", "/webhook", "/metrics"] {
                assert!(message.contains(served), "{message}");
            }
        }
    }
    let wrong = [
        (reqwest::Method::GET, "/webhook", ["POST", "PUT"]),
        (reqwest::Method::HEAD, "/webhook", ["POST", "PUT"]),
        (reqwest::Method::DELETE, "/up", ["GET", "POST"]),
        (reqwest::Method::OPTIONS, "/down/", ["HEAD", "PUT"]),
        (reqwest::Method::POST, "/healthz", ["GET", "HEAD"]),
        (reqwest::Method::PUT, "/", ["GET", "HEAD"]),
    ];
    for (method, path, allowed) in wrong {
        let answer = agent.http.request(method.clone(), agent.url(path)).send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 405, "{method} {path}");
        let allow = answer.headers()["allow"].to_str().unwrap();
        assert!(
            allowed.iter().all(|a| allow.contains(a)),
            "{method} {path}: {allow}"
        );
    }
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    for counted in [
        r#"autoscaler_requests_refused_total{reason="unknown_path"} 12"#,
        r#"autoscaler_requests_refused_total{reason="method_not_allowed"} 6"#,
    ] {
        assert!(metrics.contains(counted), "{metrics}");
    }
    let line = agent.line("Request is refused.").expect("a line");
    assert_eq!(line["fields"]["path"], "\"/nothing\"");
    assert_eq!(environment.writes(), 0);
}

#[tokio::test]
async fn no_answer_can_be_framed_sniffed_kept_or_made_to_run_a_script() {
    let environment = Environment::with_pool(1).await;
    let settings = Settings::default().variable("AUTOSCALER_ALERTS__TOKEN", "hush");
    let agent = environment.start(settings).await;
    for (method, path, status) in [
        (Method::GET, "/", 200),
        (Method::GET, "/status", 200),
        (Method::GET, "/decisions", 200),
        (Method::GET, "/history", 200),
        (Method::GET, "/page.js", 200),
        (Method::GET, "/metrics", 200),
        (Method::GET, "/events", 200),
        (Method::POST, "/up", 401),
        (Method::GET, "/nothing", 404),
        (Method::DELETE, "/up", 405),
    ] {
        let answer = agent.http.request(method, agent.url(path)).send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(header(name), value, "{path}");
        }
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(policy.contains("; script-src 'self'"), path == "/");
    }
}

#[tokio::test]
async fn protected_reads_need_the_token_or_the_password() {
    let environment = Environment::with_pool(1).await;
    let settings = Settings::default()
        .variable("AUTOSCALER_ALERTS__TOKEN", "hush")
        .variable("AUTOSCALER_ALERTS__PASSWORD", "quiet")
        .set("alerts.user", "me");
    let open = environment.start(settings.clone()).await;
    assert_eq!(open.get("/status").await.status(), 200);
    drop(open);
    let agent = environment
        .start(settings.set("alerts.protect_reads", "true"))
        .await;
    for path in [
        "/",
        "/status",
        "/status/",
        "/decisions",
        "/history",
        "/page.js",
        "/metrics",
        "/sd",
        "/events",
        "/%73tatus",
        "/nothing",
    ] {
        let ask = |method: Method| agent.http.request(method, agent.url(path));
        for request in [
            ask(Method::GET),
            ask(Method::HEAD),
            ask(Method::GET).bearer_auth("husk"),
            ask(Method::GET).basic_auth("me", Some("hush")),
        ] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{path}");
            let ways = answer.headers().get_all("www-authenticate").iter().count();
            assert_eq!(ways, 2, "{path}");
            assert!(!answer.text().await.unwrap().contains("127."), "{path}");
        }
        for request in [
            ask(Method::GET).bearer_auth("hush"),
            ask(Method::GET).basic_auth("me", Some("quiet")),
        ] {
            assert_ne!(request.send().await.unwrap().status(), 401, "{path}");
        }
    }
    // Whoever starts the agent again asks whether it is well, and has no token.
    assert_ne!(agent.get("/healthz").await.status(), 401);
    let metrics = agent.http.get(agent.url("/metrics")).bearer_auth("hush");
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    let counted = r#"autoscaler_requests_refused_total{reason="unauthorised"} 44"#;
    assert!(metrics.contains(counted), "{metrics}");
    let up = agent.http.get(agent.url("/up")).bearer_auth("hush");
    assert_eq!(up.send().await.unwrap().status(), 200);
}
