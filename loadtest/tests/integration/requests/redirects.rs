//! Redirects that are followed, and credentials that stay where they belong.

use std::time::Duration;

use loadtest::{Failure, Request};

use super::{Answer, Asked, ENGINES, Host, plan, reasons};
use crate::support::run;

fn to(status: u16, location: impl Into<String>) -> Answer {
    (
        status,
        vec![("location", location.into())],
        b"moved".to_vec(),
    )
}

fn answers(asked: &Asked) -> Answer {
    let path = asked.path.trim_start_matches('/');
    match path.split_once('/') {
        Some(("to", status)) => to(status.parse().expect("a status"), "/end?a=b"),
        Some(("hops", left)) => match left.parse::<u32>().expect("a number") {
            0 => (200, Vec::new(), b"there".to_vec()),
            left => to(302, (left - 1).to_string()),
        },
        _ if path == "nowhere" => to(302, "ftp://h/"),
        _ if path == "without" => (302, Vec::new(), Vec::new()),
        _ => (200, Vec::new(), b"the end".to_vec()),
    }
}

#[tokio::test]
async fn a_redirect_is_followed_within_its_request() {
    for (engine, http2) in ENGINES {
        let host = Host::start(http2, answers).await;
        for (status, method, then, body) in [
            (301, "POST", "GET", ""),
            (302, "POST", "GET", ""),
            (303, "PUT", "GET", ""),
            (307, "POST", "POST", "sent"),
            (308, "PUT", "PUT", "sent"),
            (303, "HEAD", "HEAD", ""),
        ] {
            let mut plan = plan(&host.url(&format!("/to/{status}")), engine, 6);
            let body_sent = if method == "HEAD" { "" } else { "sent" };
            let request = Request::new(method).expect("valid").with_body(body_sent);
            plan.request = request.header("content-type", "text/x").expect("valid");
            plan.redirects = 1;
            if method != "HEAD" {
                plan.checks.bodies.push("the end".to_owned());
            }
            let before = host.asked().len();
            let summary = run(plan).await;
            let case = format!("{engine:?} {status} {method} {:?}", reasons(&summary));
            assert_eq!(
                (summary.ok, summary.failed(), summary.redirects),
                (6, 0, 6),
                "{case}"
            );
            assert_eq!(
                (summary.statuses.len(), summary.statuses[&200]),
                (1, 6),
                "{case}"
            );
            let asked = host.asked()[before..].to_vec();
            let ends: Vec<&Asked> = asked
                .iter()
                .filter(|asked| asked.path == "/end?a=b")
                .collect();
            assert_eq!((ends.len(), asked.len()), (6, 12), "{case}");
            for end in ends {
                assert_eq!(
                    (end.method.as_str(), end.body.as_str()),
                    (then, body),
                    "{case}"
                );
                assert_eq!(
                    end.headers.contains_key("content-type"),
                    then == method,
                    "{case}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_redirect_that_cannot_be_followed_fails_with_its_reason() {
    for (engine, http2) in ENGINES {
        let host = Host::start(http2, answers).await;
        for (path, most, reason) in [
            ("/hops/3", 3, None),
            ("/hops/4", 3, Some("more than 3 redirects")),
            ("/nowhere", 3, Some("scheme \"ftp\"")),
            ("/without", 3, None),
        ] {
            let mut plan = plan(&host.url(path), engine, 4);
            plan.redirects = most;
            let summary = run(plan).await;
            let reasons = reasons(&summary);
            let case = format!("{engine:?} {path} {reasons:?}");
            match reason {
                None => assert_eq!((summary.ok, summary.failed()), (4, 0), "{case}"),
                Some(reason) => {
                    assert_eq!(summary.failures.get(&Failure::Redirect), Some(&4), "{case}");
                    assert!(reasons[0].contains(reason), "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn another_origin_is_asked_without_the_credentials() {
    for (engine, http2) in ENGINES {
        let other = Host::start(http2, answers).await;
        let elsewhere = other.url("/end");
        let host = Host::start(http2, move |asked| match asked.path.as_str() {
            "/away" => to(307, elsewhere.clone()),
            "/here" => to(307, "/end"),
            _ => (200, Vec::new(), Vec::new()),
        })
        .await;
        for path in ["/away", "/here"] {
            let mut plan = plan(&host.url(path), engine, 5);
            plan.credentials = "user:secret".parse().ok();
            plan.request = Request::default().header("cookie", "a=b").expect("valid");
            plan.redirects = 2;
            let summary = run(plan).await;
            assert_eq!((summary.ok, summary.failed()), (5, 0), "{engine:?}");
            let shown = loadtest::report::to_json(&summary, &[]);
            assert!(!shown.contains("secret") && !shown.contains("dXNlcjpzZWNyZXQ"));
        }
        let private = |asked: &Asked| {
            let basic = asked.headers.get("authorization").map(String::as_str);
            (
                basic == Some("Basic dXNlcjpzZWNyZXQ="),
                asked.headers.contains_key("cookie"),
            )
        };
        assert_eq!(
            (host.asked().len(), other.asked().len()),
            (15, 5),
            "{engine:?}"
        );
        assert!(
            host.asked()
                .iter()
                .all(|asked| private(asked) == (true, true))
        );
        assert!(
            other
                .asked()
                .iter()
                .all(|asked| private(asked) == (false, false))
        );
        assert!(
            other
                .asked()
                .iter()
                .all(|asked| asked.authority == other.address.to_string())
        );
    }
}

#[tokio::test]
async fn the_timeout_is_one_for_all_the_redirects() {
    // A server that leads on and on, a little slower each time than a request may take in all.
    let host = crate::support::Server::start(crate::support::Behaviour {
        delay: Duration::from_millis(40),
        status: "302 Found\r\nlocation: /again",
        ..crate::support::Behaviour::default()
    });
    let mut plan = plan(&host.url(), loadtest::Engine::Http1, 3);
    (plan.redirects, plan.timeout) = (100, Duration::from_millis(400));
    let summary = run(plan).await;
    assert_eq!(
        summary.failures.get(&Failure::Timeout),
        Some(&3),
        "{:?}",
        reasons(&summary)
    );
    assert!(
        summary.response.p50 >= 399_000_000,
        "from the intended start"
    );
    assert!(summary.redirects >= 1, "{}", summary.redirects);
}
