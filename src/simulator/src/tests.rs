//! Whole runs.

#[path = "../../policy/tests/default_rules.rs"]
mod default_rules;
mod properties;
mod rivals;

use std::{env, path::Path, time::Duration};

use policy::Mode;

use alert_rules::{Monitoring, MonitoringFiles};

use crate::{
    BUILT_IN, Competition, Contender, Figures, OurSettings, Trace, WorldSettings, built_in,
    clairvoyant::needed,
    contender::Setting,
    figure, json,
    measure::Record,
    table,
    time::{Micros, SECOND},
};

fn ours(files: &MonitoringFiles<'_>) -> OurSettings {
    OurSettings {
        monitoring: Monitoring::read(files).expect("they are known"),
        rules: default_rules::default_rules(),
        mode: Mode::On,
        drain_timeout: Some(Duration::from_secs(30)),
        drain_poll: Duration::from_secs(2),
    }
}

fn image() -> OurSettings {
    ours(&MonitoringFiles::IMAGE)
}

/// With nothing but the rules that wait for a minute or two, and one member at a time.
fn plain() -> OurSettings {
    let mut ours = image();
    let minute = Duration::from_secs(60);
    ours.monitoring
        .rules
        .retain(|(rule, _)| rule.pending >= minute);
    ours.rules.scale_out.severity = policy::SeverityTable::default();
    ours
}

fn run(contender: Contender, trace: &Trace, ours: &OurSettings, seed: u64) -> Record {
    let world = WorldSettings::default();
    let setting = Setting {
        trace,
        world: &world,
        ours,
    };
    contender.play(setting, seed)
}

fn figures(record: &Record, trace: &Trace) -> Figures {
    let world = WorldSettings::default();
    Figures::of(record, trace, &world, &needed(trace, &world), None)
}

fn competition(traces: Vec<Trace>, contenders: &[Contender]) -> Competition {
    Competition {
        traces,
        contenders: contenders.to_vec(),
        seeds: vec![1, 2],
        world: WorldSettings::default(),
        ours: image(),
    }
}

fn step() -> Trace {
    built_in("step", 1.0).expect("it is built in")
}

/// The moments of actions, in seconds from a moment on.
fn actions(record: &Record, from: Micros) -> Vec<f64> {
    let after = record.actions.iter().filter(|action| action.at >= from);
    after
        .map(|action| (action.at - from) as f64 / SECOND as f64)
        .collect()
}

#[test]
fn after_a_step_the_rule_pends_for_a_minute_and_reminders_come_each_minute() {
    let trace = step();
    let at = trace.step_at.expect("it has one");
    for seed in 1..4 {
        let record = run(Contender::Ours, &trace, &plain(), seed);
        let ups = actions(&record, at);
        // The average must pass the threshold first: up to 45 s of the rate's window, a scrape and
        // an evaluation. Then a minute of pending, and a read and a write.
        assert!((75.0..135.0).contains(&ups[0]), "{ups:?}");
        for pair in ups[..4].windows(2) {
            assert!((60.0..63.0).contains(&(pair[1] - pair[0])), "{ups:?}");
        }
    }
}

#[test]
fn the_images_early_rule_reacts_within_35_s_and_with_a_step_that_fits() {
    let trace = step();
    let at = trace.step_at.expect("it has one");
    let mut firsts = Vec::new();
    for seed in 1..=10 {
        let record = run(Contender::Ours, &trace, &image(), seed);
        firsts.push(actions(&record, at)[0]);
        let grown = record.actions.iter().filter(|action| action.at >= at);
        let sizes: Vec<u32> = grown.map(|action| action.to).collect();
        assert!(sizes[0] >= 3, "{sizes:?}");
    }
    let mean = firsts.iter().sum::<f64>() / firsts.len() as f64;
    assert!(mean <= 35.0, "{firsts:?}");
    assert!(firsts.iter().all(|first| *first < 50.0), "{firsts:?}");
}

/// CPU use tells that a pool is overloaded, the request rate also by how much. Without steps by
/// severity, which guess it.
#[test]
fn after_a_jump_the_rule_by_request_rate_misses_fewer_requests() {
    let (up, down) = (80, 39);
    let mut ours = image();
    ours.rules.scale_out.severity = policy::SeverityTable::default();
    for name in ["step", "spikes"] {
        let trace = built_in(name, 1.0).expect("it is built in");
        for seed in 1..4 {
            let missed = |contender| {
                let record = run(contender, &trace, &ours, seed);
                figures(&record, &trace).missed_percent
            };
            let without = missed(Contender::OursAt { up, down });
            let with = missed(Contender::OursRequestsAt { up, down });
            assert!(with < without, "{name}: {with} % and {without} %");
        }
    }
}

#[test]
fn a_larger_step_recovers_sooner() {
    let trace = step();
    let mut bold = plain();
    bold.rules.scale_out.step = policy::StepSize::members(3);
    let recovery = |ours| {
        let record = run(Contender::Ours, &trace, ours, 1);
        figures(&record, &trace).recovery_s.expect("it has a step")
    };
    assert!(recovery(&bold) < recovery(&plain()) - 60.0);
}

/// The demo runs faster than the service; so can its twin.
#[test]
fn a_world_ten_times_as_fast_sees_the_same_sizes() {
    let (slow, fast) = (plain(), {
        let mut ours = plain();
        ours.monitoring = ours.monitoring.divided_by(10);
        let rules = &mut ours.rules;
        for time in [
            &mut rules.cooldown,
            &mut rules.fresh,
            &mut rules.retry,
            &mut rules.scale_out.alert_lifetime,
            &mut rules.scale_in.alert_lifetime,
            &mut rules.scale_in.stabilisation,
            &mut rules.scale_in.warm_up,
            &mut ours.drain_poll,
        ] {
            *time /= 10;
        }
        ours.drain_timeout = ours.drain_timeout.map(|timeout| timeout / 10);
        ours
    });
    let normal = WorldSettings::default();
    let world = WorldSettings {
        service: normal.service / 10,
        boot: normal.boot / 10,
        balancer_notices: normal.balancer_notices / 10,
        read: normal.read / 10,
        write: normal.write / 10,
        operation: normal.operation / 10,
        discovery: normal.discovery / 10,
        ..normal
    };
    let trace = step();
    let quick = Trace {
        segment: trace.segment / 10,
        step_at: trace.step_at.map(|at| at / 10),
        ..trace.clone()
    };
    let setting = Setting {
        trace: &quick,
        world: &world,
        ours: &fast,
    };
    let sizes = |record: &Record| record.actions.iter().map(|a| a.to).collect::<Vec<_>>();
    let expected = run(Contender::Ours, &trace, &slow, 1);
    assert_eq!(sizes(&Contender::Ours.play(setting, 1)), sizes(&expected));
}

#[test]
fn a_mode_that_changes_nothing_changes_nothing() {
    let mut advice = image();
    advice.mode = Mode::Recommend;
    assert_eq!(run(Contender::Ours, &step(), &advice, 1).actions, []);
}

/// Another machine, or another version of a library, must not change what is simulated.
#[test]
fn a_seed_gives_the_same_runs_everywhere() {
    let sum = |contender| {
        let record = run(contender, &step(), &image(), 1);
        let members = record
            .members
            .iter()
            .map(|m| (m.at.unsigned_abs(), m.serving));
        let buckets = record
            .buckets
            .iter()
            .map(|b| (u64::from(b.offered), b.missed));
        members.chain(buckets).fold(0_u64, |sum, (a, b)| {
            sum.rotate_left(5).wrapping_mul(31) ^ a ^ u64::from(b)
        })
    };
    let sums = [
        Contender::Clairvoyant,
        Contender::Hpa(60),
        Contender::AwsStep,
    ]
    .map(sum);
    assert_eq!(sums, GOLDEN);
}

const GOLDEN: [u64; 3] = [
    3_469_099_066_622_579_886,
    16_654_763_367_866_310_248,
    2_649_560_202_684_546_003,
];

#[test]
fn all_cores_together_say_what_one_says() {
    let trace = built_in("spikes", 1.0).expect("it is built in");
    let contenders = [
        Contender::Ours,
        Contender::StaticMax,
        Contender::Clairvoyant,
    ];
    let competition = competition(vec![step(), trace.clone()], &contenders);
    let outcome = competition.run(|_| ());
    assert_eq!(table(&outcome), table(&competition.run(|_| ())));
    let alone = run(Contender::Ours, &trace, &image(), 1);
    assert_eq!(outcome.traces[1].results[0].record, alone);
    let names: Vec<Contender> = outcome
        .means
        .iter()
        .map(|(contender, _)| *contender)
        .collect();
    assert_eq!(names, contenders);
}

#[test]
fn every_run_is_told_of() {
    let (tell, told) = std::sync::mpsc::channel();
    let competition = competition(vec![step()], &[Contender::StaticMin]);
    competition.run(|progress| tell.send(progress).expect("somebody listens"));
    drop(tell);
    let mut told: Vec<_> = told.iter().collect();
    told.sort_by_key(|progress| progress.done);
    // The clairvoyant runs, too: it is the measure.
    let expected = (1..=4).map(|done| (done, 4));
    assert!(told.iter().map(|p| (p.done, p.of)).eq(expected), "{told:?}");
}

#[test]
fn the_outputs_name_everything_and_hold_no_number_that_is_none() {
    let mut trace = step();
    trace.name = "<a & \"b\">".to_owned();
    let contenders = [Contender::Ours, Contender::Hpa(60), Contender::AwsStep];
    let outcome = competition(vec![trace], &contenders).run(|_| ());
    let json = json(&outcome, &[1, 2]).expect("it can be written");
    let svg = figure(&outcome.traces[0], &WorldSettings::default()).expect("ours take part");
    let table = table(&outcome);
    for name in ["ours", "hpa-60", "aws-step"] {
        assert!(
            json.contains(name) && svg.contains(name) && table.contains(name),
            "{name}"
        );
    }
    for text in [&json, &svg, &table] {
        assert!(
            !text.contains("NaN") && !text.contains("inf") && !text.contains("null"),
            "{text}"
        );
    }
    assert!(svg.contains("&lt;a &amp; &quot;b&quot;&gt;") && !svg.contains("<a &"));
    let alone = competition(vec![step()], &[Contender::Hpa(60)]).run(|_| ());
    assert_eq!(figure(&alone.traces[0], &WorldSettings::default()), None);
}

/// Requests a minute of real sites, where the variable names a folder of them.
#[test]
fn traces_of_real_sites_are_served() {
    let Some(folder) = env::var_os("AUTOSCALER_TRACES") else {
        eprintln!("skipped: AUTOSCALER_TRACES names no folder of traces");
        return;
    };
    let files = Path::new(&folder).read_dir().expect("a folder");
    let paths = files.map(|file| file.expect("an entry").path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "csv"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no file in it ends with .csv");
    let traces = paths
        .iter()
        .map(|path| Trace::read(path, 6.5).expect("it is a trace"));
    let contenders = [
        Contender::Clairvoyant,
        Contender::Ours,
        Contender::StaticMin,
    ];
    let outcome = competition(traces.collect(), &contenders).run(|_| ());
    for trace in &outcome.traces {
        let [clairvoyant, ours, least] = &trace.results[..] else {
            panic!("three took part");
        };
        let name = &trace.trace.name;
        assert!(clairvoyant.figures.missed_percent < 0.2, "{name}");
        assert!(
            (1.0..2.5).contains(&ours.figures.cost),
            "{name}: {:?}",
            ours.figures
        );
        assert!(
            ours.figures.missed_percent < least.figures.missed_percent / 2.0,
            "{name}"
        );
    }
}

#[test]
fn the_built_in_traces_can_be_served() {
    let traces = BUILT_IN.iter().filter(|name| **name != "day");
    let traces = traces.map(|name| built_in(name, 1.0).expect("it is built in"));
    let outcome = competition(traces.collect(), &[Contender::Clairvoyant]).run(|_| ());
    for trace in &outcome.traces {
        let figures = trace.results[0].figures;
        assert!(
            figures.missed_percent < 0.1,
            "{}: {figures:?}",
            trace.trace.name
        );
    }
}
