//! A run that ends after a number of requests.

use std::time::Duration;

use loadtest::{Arrivals, Load};

use super::{ENGINES, Host, plan};
use crate::support::run;

#[tokio::test]
async fn a_run_ends_after_its_number_of_requests() {
    for (engine, http2) in ENGINES {
        let host = Host::start(http2, |_| (200, Vec::new(), Vec::new())).await;
        let even = plan(&host.url("/"), engine, 37);
        let mut poisson = even.clone();
        poisson.arrivals = Arrivals::Poisson { seed: 5 };
        let mut profile = even.clone();
        profile.load = Load::Open("30s:10..500, 30s@20".parse().expect("a profile"));
        let mut closed = even.clone();
        closed.load = Load::Closed(loadtest::Plan::LONGEST);
        for plan in [even, poisson, profile, closed] {
            let before = host.asked().len();
            let summary = run(plan).await;
            assert_eq!(
                (summary.ok, summary.failed(), summary.accounts.scheduled),
                (37, 0, 37),
                "{engine:?}"
            );
            assert_eq!(host.asked().len() - before, 37);
            assert!(summary.elapsed < 30.0, "it ends before its profile does");
            assert!(summary.planned <= summary.elapsed);
        }
    }
}

#[tokio::test]
async fn slices_send_exactly_the_whole_number_together() {
    for (engine, http2) in ENGINES {
        let host = Host::start(http2, |_| (200, Vec::new(), Vec::new())).await;
        let mut plan = plan(&host.url("/"), engine, 10);
        for load in [plan.load.clone(), Load::Closed(Duration::from_secs(60))] {
            plan.load = load;
            let mut sent = Vec::new();
            for slice in ["1/3", "2/3", "3/3"] {
                plan.slice = slice.parse().expect("a slice");
                let summary = run(plan.clone()).await;
                assert_eq!(summary.ok, summary.accounts.scheduled);
                sent.push(summary.ok);
                if let Some(stage) = summary.stages.first() {
                    assert_eq!((stage.asked, stage.started), (summary.ok, summary.ok));
                }
            }
            assert_eq!(sent, [4, 3, 3], "{engine:?}");
        }
        assert_eq!(host.asked().len(), 20);
    }
}
