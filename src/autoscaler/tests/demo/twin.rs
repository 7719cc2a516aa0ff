//! A run of the demo beside the same load in the simulator: whether the latter is like the former.

use std::time::Duration;

use agent::settings;
use alert_rules::Monitoring;
use serde_json::Value;
use simulator::{Change, OurSettings, Trace, WorldSettings};

/// The load that the demo says it played: when each phase began, and its requests per second.
fn phases(said: &str) -> Vec<(f64, f64)> {
    let phase = |line: &str| {
        let (stamp, label) = line.split_once("] load      ")?;
        let at = stamp.strip_prefix('[')?.strip_suffix(" s")?.trim();
        let rate = label.split_once("· ")?.1.strip_suffix(" req/s")?;
        Some((at.parse().ok()?, rate.parse().ok()?))
    };
    said.lines().filter_map(phase).collect()
}

/// The service time of a request: 20 ms of CPU for a member that has a quarter of one.
const SERVICE: Duration = Duration::from_millis(80);

/// The demo's world at its speed of 10: a boot of 30 s, and the application's start and two health
/// checks; loopback for the API.
fn world_of_the_demo() -> WorldSettings {
    let boot = Duration::from_millis(4500);
    WorldSettings {
        service: SERVICE,
        boot,
        boot_spread: 0.1,
        boot_before_running: 3.0 / boot.as_secs_f64(),
        balancer_notices: Duration::from_secs(1),
        read: Duration::from_millis(20),
        write: Duration::from_millis(20),
        operation: Duration::from_millis(300),
        discovery: Duration::from_secs(1),
        ..WorldSettings::default()
    }
}

/// The agent as the demo sets it up.
fn agent_of_the_demo(report: &Value) -> OurSettings {
    let own = [
        ("exoscale.key", "EXOsimulated".to_owned()),
        ("exoscale.secret", "simulated".to_owned()),
        ("exoscale.instance_pool", uuid::Uuid::nil().to_string()),
        ("scaling.min_size", report["min_size"].to_string()),
        ("scaling.max_size", report["max_size"].to_string()),
        ("scale_out.severity", "none".to_owned()),
        ("scale_in.step", "1".to_owned()),
    ];
    let own = own.map(|(key, value)| (key.to_owned(), value));
    let faster = settings::at_speed(settings::defaults(), 10.0);
    let text = settings::file_text(&faster.into_iter().chain(own).collect());
    let agent = settings::load_text("the demo's settings", &text);
    let mut agent = agent.expect("they are settings").0.agent;
    let pool = agent.pools.remove(0);
    OurSettings {
        monitoring: Monitoring::image().divided_by(10),
        rules: pool.rules,
        mode: pool.mode,
        drain_timeout: pool.drain.longest(),
        drain_poll: pool.drain.poll,
    }
}

/// Chance decides in the demo, too: whether 72 % of CPU use pass for 80 % in some seconds.
const TWINS: u64 = 1000;

/// What the simulator does under the load that the demo had, with each seed.
fn twins(report: &Value, said: &str) -> Vec<Vec<Change>> {
    const SEGMENT_S: f64 = 0.1;
    let phases = phases(said);
    assert!(phases.len() >= 4, "{said}");
    let end = report["duration_s"].as_f64().expect("a number") + 60.0;
    let load_at = |place: u32| {
        let now = f64::from(place) * SEGMENT_S;
        let began = phases.iter().rfind(|(at, _)| *at <= now);
        began.map_or(0.0, |(_, rate)| rate * SERVICE.as_secs_f64())
    };
    let load = (0..).take_while(|place| f64::from(*place) * SEGMENT_S < end);
    let trace = Trace {
        name: "demo".to_owned(),
        segment: 100_000,
        load: load.map(load_at).collect(),
        step_at: None,
    };
    let size = report["min_size"].as_u64().expect("a number");
    let size = u32::try_from(size).expect("a size");
    let (world, ours) = (world_of_the_demo(), agent_of_the_demo(report));
    let twin = |seed| simulator::changes(&trace, &world, &ours, size, seed);
    (1..=TWINS).map(twin).collect()
}

/// How much sooner or later than all of its twins a scale-out of the demo may come. Far less than
/// what the slow rule takes, a window of 6 s and 6 s pending: the same rule must lead.
const APART_AT_MOST: f64 = 5.0;

/// Prints the demo's changes of size beside those of its twins. Its sizes must be those of one of
/// them, and its scale-outs must come when theirs do. Scale-ins also wait for drains.
pub(crate) fn compare(report: &Value, said: &str) {
    let twins = twins(report, said);
    let actions = report["actions"].as_array().expect("a list");
    let size = |action: &Value, key: &str| action[key].as_u64().expect("a size");
    let sizes = |action: &Value| (size(action, "from"), size(action, "to"));
    let of_demo: Vec<(u64, u64)> = actions.iter().map(sizes).collect();
    let sizes_of = |twin: &&Vec<Change>| {
        let sizes = twin.iter().map(|one| (one.from.into(), one.to.into()));
        sizes.collect::<Vec<(u64, u64)>>() == of_demo
    };
    let same: Vec<&Vec<Change>> = twins.iter().filter(sizes_of).collect();
    println!(
        "{} of {TWINS} simulated runs have the demo's sizes",
        same.len()
    );
    println!(
        "{:>8} {:>8} {:>24} {:>12}",
        "size", "demo s", "simulated s", "difference s"
    );
    let mut apart = Vec::new();
    for (place, action) in actions.iter().enumerate() {
        let (from, to) = of_demo[place];
        let at = action["at_s"].as_f64().expect("a number");
        let mut times: Vec<f64> = same
            .iter()
            .map(|twin| twin[place].at.as_secs_f64())
            .collect();
        times.sort_by(f64::total_cmp);
        let (Some(first), Some(last)) = (times.first(), times.last()) else {
            break;
        };
        let middle = times[times.len() / 2];
        let range = format!("{first:.1} to {last:.1}, {middle:.1}");
        println!(
            "{:>8} {at:>8.1} {range:>24} {:>+12.1}",
            format!("{from} -> {to}"),
            at - middle
        );
        apart.push((to > from, at - at.clamp(*first, *last)));
    }
    assert!(
        !same.is_empty(),
        "no twin has the sizes {of_demo:?}: {:?}",
        twins[0]
    );
    for (is_scale_out, apart) in apart {
        assert!(
            !is_scale_out || apart.abs() < APART_AT_MOST,
            "{apart} s from every twin"
        );
    }
}
