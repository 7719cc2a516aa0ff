//! Responses that are not what is expected.

use loadtest::{Checks, Class, Failure, Plan};

use super::{Answer, Asked, ENGINES, Host, plan, reasons};
use crate::support::run;

fn answers(asked: &Asked) -> Answer {
    let json = r#"{"status":"ok","items":[{"id":7}]}"#.as_bytes().to_vec();
    match asked.path.as_str() {
        "/missing" => (404, Vec::new(), b"nothing here".to_vec()),
        "/down" => (503, Vec::new(), json),
        "/large" => (200, Vec::new(), [vec![b' '; 1 << 20], json].concat()),
        _ => (200, vec![("x-cache", "HIT".to_owned())], json),
    }
}

fn with(mut plan: Plan, change: impl Fn(&mut Checks)) -> Plan {
    change(&mut plan.checks);
    plan
}

#[tokio::test]
async fn every_check_passes_and_fails_with_its_reason_in_every_engine() {
    type Change = fn(&mut Checks);
    let cases: &[(&str, Change, Option<&str>)] = &[
        ("/", |checks| checks.statuses = "200,3xx".parse().ok(), None),
        (
            "/",
            |checks| checks.statuses = "201,3xx".parse().ok(),
            Some("status 200, expected 201,3xx"),
        ),
        (
            "/missing",
            |checks| checks.statuses = "404".parse().ok(),
            None,
        ),
        (
            "/missing",
            |checks| {
                checks.statuses = "404".parse().ok();
                checks.bodies.push("something".to_owned());
            },
            Some("the body does not contain \"something\""),
        ),
        (
            "/",
            |checks| checks.bodies.push("\"items\"".to_owned()),
            None,
        ),
        (
            "/",
            |checks| checks.json.push("/items/0/id=7".parse().expect("valid")),
            None,
        ),
        (
            "/",
            |checks| checks.json.push("/items/0/id=8".parse().expect("valid")),
            Some("\"/items/0/id\" is 7, expected \"8\""),
        ),
        (
            "/missing",
            |checks| {
                checks.statuses = "4xx".parse().ok();
                checks.json.push("/a".parse().expect("valid"));
            },
            Some("the body is not JSON"),
        ),
        (
            "/large",
            |checks| checks.json.push("/status".parse().expect("valid")),
            Some("larger than 1 MiB"),
        ),
        (
            "/",
            |checks| checks.headers.push("X-Cache: HIT".parse().expect("valid")),
            None,
        ),
        (
            "/down",
            |checks| {
                checks.statuses = "503".parse().ok();
                checks.headers.push("x-cache".parse().expect("valid"));
            },
            Some("no header x-cache"),
        ),
    ];
    for (engine, http2) in ENGINES {
        let host = Host::start(http2, answers).await;
        for (path, change, reason) in cases {
            let summary = run(with(plan(&host.url(path), engine, 6), change)).await;
            let reasons = reasons(&summary);
            let Some(reason) = reason else {
                assert_eq!(
                    (summary.ok, summary.failed()),
                    (6, 0),
                    "{engine:?} {path} {reasons:?}"
                );
                assert_eq!(summary.response.count, 6);
                continue;
            };
            assert_eq!(
                summary.failures.get(&Failure::Check),
                Some(&6),
                "{engine:?} {path}"
            );
            assert_eq!(
                (summary.ok, summary.failed(), summary.response.count),
                (0, 6, 0)
            );
            assert_eq!(summary.classes[&Class::Check].count, 6);
            assert!(
                reasons[0].starts_with("6 × ") && reasons[0].contains(reason),
                "{reasons:?}"
            );
            assert_eq!(
                summary.statuses.values().sum::<u64>(),
                6,
                "{:?}",
                summary.statuses
            );
            assert_eq!(summary.backends[0].answers, 6);
        }
    }
}

#[tokio::test]
async fn a_status_that_is_a_failure_stays_one_of_its_kind_beside_other_checks() {
    for (engine, http2) in ENGINES {
        let host = Host::start(http2, answers).await;
        let plan = with(plan(&host.url("/down"), engine, 5), |checks| {
            checks.bodies.push("no such text".to_owned());
        });
        let summary = run(plan).await;
        assert_eq!(
            summary.failures.get(&Failure::Status5xx),
            Some(&5),
            "{engine:?}"
        );
        assert_eq!(summary.failed(), 5);
    }
}
