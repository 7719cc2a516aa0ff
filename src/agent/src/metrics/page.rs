//! `docs/metrics.md`, made of what the agent answers once everything has happened.

use std::time::Duration;

use doc_page::{
    Page,
    metrics::{lint, table},
};
use policy::{Condition, Event, HealthSource, Mode, Moment, Pool, ScheduledLimits, Size, State};
use tokio_util::sync::CancellationToken;

use super::{Counters, Metrics, Source, gauges::GAUGES};
use crate::{
    clock::Clock,
    config::{AddressKind, PoolName},
    lease_keeper::LeaseView,
    read_model::ReadModel,
    settings,
    target::{Api, ApiKey, ApiSecret, ClientConfig, Endpoint, PoolReport, Target, TargetConfig},
};

const PAGE: Page = Page {
    name: "metrics.md",
    test: "-p agent metrics_page",
};

/// A read model in which every gauge has a value.
fn read_model() -> std::sync::Arc<ReadModel> {
    let model = ReadModel::for_tests();
    model.lease_changed(LeaseView::default());
    model.discovered(&[]);
    model.pool_read(&PoolReport {
        pool: Pool {
            read_at: Moment::START,
            size: Size(1),
            condition: Condition::Running,
            health: HealthSource::None,
            counted: 1,
            members: Vec::new(),
        },
        name: "web".to_owned(),
        state: "running".to_owned(),
        error_reason: None,
        names: Vec::new(),
    });
    let text = "[exoscale]\nkey = 'EXO1'\nsecret = 's'\n\
                instance_pool = '3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e'";
    let (settings, _) = settings::load_text("test", text).expect("the defaults are complete");
    let rules = settings.agent.first_pool().rules.clone();
    let (mut state, _) = State::restore(rules, Mode::On, None, Moment::START);
    let limits = ScheduledLimits {
        min: Some(Size(2)),
        max: None,
    };
    state.step(Event::Scheduled(limits), Moment::START);
    state.step(Event::AtLeast(Size(2)), Moment::START);
    model.state_changed(&state, None);
    model
}

/// A target that has called an API, in vain: nobody listens there.
async fn target() -> Target {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let endpoint = Endpoint::try_from(format!("http://{address}/v2")).expect("an address");
    drop(listener);
    let key: ApiKey = "EXO1".parse().expect("a key");
    let secret: ApiSecret = "s".parse().expect("a secret");
    let config = ClientConfig {
        retries: 0,
        ..ClientConfig::for_endpoint(endpoint, key, secret)
    };
    let pool = TargetConfig {
        pool: "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e"
            .parse()
            .expect("an id"),
        load_balancer: None,
        operation_timeout: Duration::from_secs(1),
    };
    let target = Target::new(
        Api::new(config).expect("a client"),
        &pool,
        AddressKind::Public,
        Clock::start(),
        ReadModel::for_tests(),
        CancellationToken::new(),
    );
    target.read_pool(false).await.expect_err("nobody answers");
    target
}

#[tokio::test]
async fn metrics_page_is_made_of_the_answer() {
    let name: PoolName = "web".parse().expect("a name");
    let counters = Counters::default().of_pool(Some(name.clone()));
    counters.touch();
    let source = Source {
        name: Some(name),
        read_model: read_model(),
        target: target().await,
    };
    let text = Metrics::new(&counters, &[source]).encode().expect("a text");
    for (name, ..) in GAUGES {
        let series = format!("autoscaler_{name}{{");
        assert!(text.contains(&series), "{name} has no value");
    }
    lint(&text);
    PAGE.has("the agent", &table(&text));
}
