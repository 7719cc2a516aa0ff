//! Which response header names the backend.

use loadtest::{Engine, Run, report};

use crate::{
    run::plan,
    support::{Behaviour, Server, run},
};

/// The names of the backends of a run, and the header that it took them from.
fn backends(summary: &loadtest::Summary) -> (Vec<(&str, u64)>, Option<&str>) {
    let backends = summary.backends.iter();
    let names = backends.map(|backend| (&*backend.name, backend.answers));
    let header = summary.plan.get("backend_header");
    (names.collect(), header.map(String::as_str))
}

const HTTP1_ENGINES: [Engine; 2] = [Engine::Http1, Engine::Hyper];

#[tokio::test]
async fn the_header_that_names_the_backend_is_found() {
    for header in ["X-Served-By", "x-upstream-addr", "X-Backend-Server"] {
        let server = Server::start(Behaviour {
            instance_header: header,
            ..Behaviour::default()
        });
        for engine in HTTP1_ENGINES {
            let mut plan = plan(&server, "300ms@100");
            plan.engine = engine;
            let summary = run(plan.clone()).await;
            let lower = header.to_lowercase();
            assert_eq!(backends(&summary), (vec![("i-1", 30)], Some(&*lower)));
            assert!(
                report::table(&summary, &[]).contains(&lower),
                "the report says which"
            );

            plan.backend_header = Some("x-mine".to_owned());
            let summary = run(plan).await;
            assert_eq!(backends(&summary), (vec![("-", 30)], Some("x-mine")));
        }
    }
    let server = Server::start(Behaviour {
        instance_header: "via",
        ..Behaviour::default()
    });
    let summary = run(plan(&server, "300ms@100")).await;
    assert_eq!(backends(&summary), (vec![("-", 30)], None));
}

#[tokio::test]
async fn the_first_response_decides_which_header_names_the_backend() {
    let answers = |heads: &[&str]| {
        let heads = heads.iter();
        let answers = heads.map(|head| format!("HTTP/1.1 {head}content-length: 0\r\n\r\n"));
        answers.map(String::into_bytes).collect()
    };
    let two = "200 OK\r\nx-backend: web\r\nX-Served-By: web-1\r\n";
    let other = "200 OK\r\nx-instance: i-1\r\nx-served-by: web-2\r\n";
    let none = "503 Busy\r\n";
    let only_other = "200 OK\r\nx-instance: i-1\r\n";
    for engine in HTTP1_ENGINES {
        let server = Server::start(Behaviour {
            raw: answers(&[none, two, other, none, only_other]),
            ..Behaviour::default()
        });
        let mut plan = plan(&server, "500ms@10");
        (plan.threads, plan.connections, plan.engine) = (1, 1, engine);
        let summary = run(plan).await;
        // What has no name is nobody's, also on the connection of somebody.
        assert_eq!(
            backends(&summary),
            (
                vec![("-", 3), ("web-1", 1), ("web-2", 1)],
                Some("x-served-by")
            )
        );
    }
}

#[tokio::test]
async fn a_log_and_what_is_merged_from_it_say_what_was_found() {
    let server = Server::start(Behaviour {
        instance_header: "x-pod-name",
        ..Behaviour::default()
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.hlog");
    let plan = plan(&server, "500ms@100");
    let (log, _) = report::IntervalLog::new(&file, &plan);
    let run = Run::start_observed(plan, vec![Box::new(log)]).await;
    let summary = run.expect("started").wait().await.expect("finished");
    let merged = report::merge(&[&file]).expect("its own log");
    for summary in [summary, merged] {
        assert_eq!(backends(&summary), (vec![("i-1", 50)], Some("x-pod-name")));
    }
}
