//! Several requests in turn, to one origin and to several.

use std::collections::BTreeMap;

use loadtest::{Call, Load, Plan, Request, parse_targets};

use super::{Asked, ENGINES, Host, plan};
use crate::support::run;

fn ok(_: &Asked) -> super::Answer {
    (200, Vec::new(), b"hello".to_vec())
}

/// The plan with this list in place of its own request.
fn with_list(mut plan: Plan, list: &str) -> Plan {
    let calls = parse_targets("list", list, &Request::default()).expect("a valid list");
    let mut calls = calls.into_iter();
    let Call { target, request } = calls.next().expect("a request");
    (plan.target, plan.request, plan.more) = (target, request, calls.collect());
    plan
}

fn counts(asked: &[Asked]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for asked in asked {
        *counts
            .entry((asked.method.clone(), asked.path.clone()))
            .or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn methods_headers_and_bodies_take_turns() {
    let folder = tempfile::tempdir().expect("a folder");
    let body = folder.path().join("body");
    std::fs::write(&body, "from a file").expect("written");
    for (engine, http2) in ENGINES {
        let host = Host::start(http2, ok).await;
        let list = format!(
            "GET {}\nX-Mine: first\n\nPOST {}\n@{}\n# a comment\nHEAD {}\nDELETE {}\n",
            host.url("/a?b=c"),
            host.url("/b"),
            body.display(),
            host.url("/c"),
            host.url("/d"),
        );
        let summary = run(with_list(plan(&host.url("/"), engine, 40), &list)).await;
        assert_eq!(
            (summary.ok, summary.failed()),
            (40, 0),
            "{engine:?} {:?}",
            summary.reasons
        );
        let asked = host.asked();
        let key = |method: &str, path: &str| (method.to_owned(), path.to_owned());
        let expected = [
            key("GET", "/a?b=c"),
            key("POST", "/b"),
            key("HEAD", "/c"),
            key("DELETE", "/d"),
        ];
        assert_eq!(
            counts(&asked),
            expected.map(|key| (key, 10)).into(),
            "{engine:?}"
        );
        for asked in &asked {
            let mine = asked.headers.get("x-mine").map(String::as_str);
            assert_eq!(mine, (asked.method == "GET").then_some("first"));
            assert_eq!(
                asked.body,
                if asked.method == "POST" {
                    "from a file"
                } else {
                    ""
                }
            );
            assert_eq!(asked.authority, host.address.to_string());
        }
        assert!(
            summary.connected <= 4,
            "{} connections to one origin",
            summary.connected
        );
        let rows: Vec<_> = summary
            .targets
            .iter()
            .map(|row| (row.ok, row.failed))
            .collect();
        assert_eq!(rows, [(10, 0); 4], "{:?}", summary.targets);
        assert_eq!(
            summary.targets[0].target.as_ref(),
            format!("DELETE {}", host.url("/d"))
        );
        assert_eq!(summary.targets[0].response.count, 10);
    }
}

#[tokio::test]
async fn in_a_closed_loop_every_thread_takes_turns() {
    for (engine, http2) in ENGINES {
        let host = Host::start(http2, ok).await;
        let list = format!("GET {}\nGET {}\n", host.url("/a"), host.url("/b"));
        let mut plan = with_list(plan(&host.url("/"), engine, 60), &list);
        plan.load = Load::Closed(Plan::LONGEST);
        let summary = run(plan).await;
        assert_eq!((summary.ok, summary.failed()), (60, 0));
        let counts = counts(&host.asked());
        assert_eq!(
            counts.into_values().collect::<Vec<_>>(),
            [30, 30],
            "{engine:?}"
        );
    }
}

#[tokio::test]
async fn every_origin_has_its_own_connections() {
    for (engine, http2) in ENGINES {
        let hosts = [Host::start(http2, ok).await, Host::start(http2, ok).await];
        let list = format!("GET {}\nGET {}\n", hosts[0].url("/"), hosts[1].url("/"));
        let mut plan = with_list(plan(&hosts[0].url("/"), engine, 80), &list);
        plan.probe = true;
        let summary = run(plan).await;
        assert_eq!(
            (summary.ok, summary.failed()),
            (80, 0),
            "{engine:?} {:?}",
            summary.reasons
        );
        for host in &hosts {
            let asked = host.asked();
            assert_eq!(asked.len(), 40, "{engine:?}");
            assert!(
                asked
                    .iter()
                    .all(|asked| asked.authority == host.address.to_string())
            );
        }
        // Four for each of the two.
        assert!(summary.connected <= 8, "{} connections", summary.connected);
    }
}

#[tokio::test]
async fn an_origin_that_is_down_is_named_at_the_start() {
    let (_held, free) = crate::support::refusing_address();
    let host = Host::start(false, ok).await;
    let list = format!("GET {}\nGET http://{free}/x\n", host.url("/"));
    let mut plan = with_list(plan(&host.url("/"), loadtest::Engine::Http1, 2), &list);
    plan.probe = true;
    let error = loadtest::Run::start(plan)
        .await
        .expect_err("nobody listens");
    assert!(error.to_string().contains(&free.to_string()), "{error}");
}
