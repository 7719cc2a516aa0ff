//! What is filled in for every request.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use loadtest::{Arrivals, Data, DataOrder, Load, Plan, PlanError, Request};

use super::{Asked, ENGINES, Host, plan};
use crate::support::run;

fn ok(_: &Asked) -> super::Answer {
    (200, Vec::new(), Vec::new())
}

fn data(folder: &Path, text: &str, order: DataOrder) -> Arc<Data> {
    let file = folder.join("data.csv");
    std::fs::write(&file, text).expect("written");
    Arc::new(Data::read(&file, order).expect("valid"))
}

#[tokio::test]
async fn values_arrive_in_url_header_and_body() {
    let folder = tempfile::tempdir().expect("a folder");
    for (engine, http2) in ENGINES {
        let host = Host::start(http2, ok).await;
        let url = host.url("/{id}/{{name}}?n={{counter}}&r={{random 3}}&u={{uuid}}&{{{{");
        let mut plan = plan(&url, engine, 8);
        let request = Request::new("POST")
            .expect("valid")
            .header("x-name", "<{{name}}>");
        plan.request = request
            .expect("valid")
            .with_body("{\"a\":{\"n\":\"{{name}}{{counter}}\"}}");
        plan.data = Some(data(
            folder.path(),
            "name\na b/ö\n\"x,y\"\n",
            DataOrder::InTurn,
        ));
        let summary = run(plan).await;
        assert_eq!(
            (summary.ok, summary.failed()),
            (8, 0),
            "{engine:?} {:?}",
            summary.reasons
        );
        let mut numbers = BTreeSet::new();
        let mut uuids = BTreeSet::new();
        for asked in host.asked() {
            let query = asked.path.split_once('?').expect("a query").1;
            let parts: Vec<&str> = query.split(['&', '=']).collect();
            let ["n", n, "r", r, "u", uuid, "{{"] = parts[..] else {
                panic!("{}", asked.path)
            };
            let (n, r): (u64, u64) = (n.parse().expect("n"), r.parse().expect("r"));
            let (name, encoded) = [("a b/ö", "a%20b%2F%C3%B6"), ("x,y", "x%2Cy")][n as usize % 2];
            assert!(
                asked.path.starts_with(&format!("/{{id}}/{encoded}?")),
                "{}",
                asked.path
            );
            assert_eq!(asked.headers["x-name"], format!("<{name}>"));
            assert_eq!(asked.body, format!("{{\"a\":{{\"n\":\"{name}{n}\"}}}}"));
            assert!((1..=3).contains(&r) && numbers.insert(n) && uuids.insert(uuid.to_owned()));
        }
        assert_eq!(numbers, (0..8).collect(), "{engine:?}");
    }
}

#[tokio::test]
async fn a_counter_is_unique_over_slices_and_threads_whatever_the_load() {
    for (engine, http2) in ENGINES {
        let host = Host::start(http2, ok).await;
        let mut plan = plan(&host.url("/{{counter}}"), engine, 30);
        let open = plan.load.clone();
        for (load, arrivals) in [
            (open.clone(), Arrivals::Even),
            (open, Arrivals::Poisson { seed: 1 }),
            (Load::Closed(Plan::LONGEST), Arrivals::Even),
        ] {
            (plan.load, plan.arrivals) = (load, arrivals);
            let before = host.asked().len();
            for slice in ["1/2", "2/2"] {
                plan.slice = slice.parse().expect("a slice");
                run(plan.clone()).await;
            }
            let paths: BTreeSet<String> = host.asked()[before..]
                .iter()
                .map(|asked| asked.path.clone())
                .collect();
            let expected: BTreeSet<String> = (0..30).map(|number| format!("/{number}")).collect();
            assert_eq!(paths, expected, "{engine:?}");
        }
    }
}

#[tokio::test]
async fn rows_come_in_turn_or_at_random() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = Host::start(false, ok).await;
    let mut plan = plan(&host.url("/{{row}}"), loadtest::Engine::Http1, 200);
    plan.load = Load::Open("10s@2000".parse().expect("valid"));
    let times = |row: &str, asked: &[Asked]| {
        asked
            .iter()
            .filter(|asked| asked.path == format!("/{row}"))
            .count()
    };
    plan.data = Some(data(folder.path(), "row\na\nb\n", DataOrder::InTurn));
    run(plan.clone()).await;
    let asked = host.asked();
    assert_eq!((times("a", &asked), times("b", &asked)), (100, 100));

    plan.data = Some(data(folder.path(), "row\na\nb\n", DataOrder::Random));
    run(plan).await;
    let asked = &host.asked()[200..];
    let (a, b) = (times("a", asked), times("b", asked));
    // Of 200 fair choices fewer than 40 are one in 10^18.
    assert!(a + b == 200 && a.min(b) >= 40, "{a} and {b}");
}

#[tokio::test]
async fn what_cannot_be_filled_in_is_an_error_before_anything_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = Host::start(false, ok).await;
    let unknown = plan(&host.url("/{{user}}"), loadtest::Engine::Http1, 1);
    let mut unused = plan(&host.url("/"), loadtest::Engine::Http1, 1);
    unused.data = Some(data(folder.path(), "id\n1\n", DataOrder::InTurn));
    let mut control = plan(&host.url("/"), loadtest::Engine::Http1, 1);
    control.request = Request::default().header("x", "{{id}}").expect("valid");
    control.data = Some(data(
        folder.path(),
        "id\n\"1\r\nx-evil: 1\"\n",
        DataOrder::InTurn,
    ));
    for (plan, part) in [
        (unknown, "there is no {{user}}"),
        (
            unused,
            "no request uses a column of the data: write one as {{id}}",
        ),
        (
            control,
            "data.csv:2: a value of \"id\" has control characters",
        ),
    ] {
        let error = plan.check().expect_err(part);
        let mut said = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            said = format!("{said}: {error}");
            cause = error.source();
        }
        assert!(said.contains(part), "{said}");
        assert!(matches!(
            loadtest::Run::start(plan).await,
            Err(loadtest::RunError::Plan(
                PlanError::Draft { .. } | PlanError::DataUnused(_)
            ))
        ));
    }
    assert!(host.asked().is_empty());
}
