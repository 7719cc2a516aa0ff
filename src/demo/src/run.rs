//! Tells the scenario: plays the load, watches, writes down, and judges.

use std::{io, path::PathBuf, time::Duration};

use anyhow::bail;
use loadtest::{Load, Plan, Profile, Progress, Run};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{
    compare,
    environment::{CPU_QUOTA, Environment, WORK, asked_to_stop},
    intervention::Intervention,
    machine::MachineMeter,
    options::Options,
    recorder::Recorder,
    report::{Report, Totals},
    scenario::{Lasts, Scenario},
    screen::ScreenEvent,
    show::{Show, complain, say},
    summary,
    timeline::Timeline,
    timeline_svg,
    verdict::Outcome,
};

/// Time between two looks at everything.
const TICK: Duration = Duration::from_millis(500);

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The options ask for what cannot be; nothing was started.
    #[error("the demo cannot be played as asked")]
    Options(#[source] anyhow::Error),
    /// Nothing is known of the pool: what has to run did not start in time.
    #[error(
        "not judged: this machine is too busy to start the demo; run it again when it does less"
    )]
    TooBusy(#[source] anyhow::Error),
    /// Something else went wrong.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// How a run ended that was not broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What it showed.
    pub outcome: Outcome,
    /// Whether the report and the figure could be written.
    pub is_written: bool,
}

/// Runs the demo; `None` when somebody stopped it. Call it on the main thread, inside an actix
/// `System`.
pub async fn run(options: Options) -> Result<Option<Ended>, DemoError> {
    let capacity = CPU_QUOTA / WORK.as_secs_f64();
    let scenario = Scenario::new(
        options.scenario,
        capacity,
        options.speed,
        options.min_size,
        options.max_size,
    );
    let scenario = scenario.map_err(|error| DemoError::Options(error.into()))?;
    options.check().map_err(DemoError::Options)?;
    if options.compare {
        return compare::run(&options, &scenario).await;
    }
    let Some(mut environment) = set(&options, &scenario).await? else {
        return Ok(None);
    };
    let played = environment.run(&options, &scenario).await;
    let ended = played.map(|played| {
        played.map(|played| Ended {
            outcome: played.report.outcome,
            is_written: write_files(&options, &played),
        })
    });
    if let (Ok(Some(_)), true) = (&ended, options.keep) {
        environment.keep().await?;
    }
    environment.clear().await?;
    Ok(ended?)
}

/// Starts everything; `None` when somebody stopped it.
async fn set(options: &Options, scenario: &Scenario) -> Result<Option<Environment>, DemoError> {
    tokio::select! {
        environment = Environment::set(options, scenario) => environment.map(Some),
        asked = asked_to_stop() => Ok(asked.map(|()| None)?),
    }
}

/// Starts everything, plays a run and stops everything; `None` when somebody stopped it.
pub(super) async fn play(
    options: &Options,
    scenario: &Scenario,
) -> Result<Option<Played>, DemoError> {
    let Some(mut environment) = set(options, scenario).await? else {
        return Ok(None);
    };
    let played = environment.run(options, scenario).await;
    environment.clear().await?;
    Ok(played?)
}

/// A run that was not broken off.
pub(super) struct Played {
    pub(super) run: Timeline,
    pub(super) totals: Totals,
    pub(super) report: Report,
}

impl Environment {
    /// Plays the load and writes down what happens; `None` when somebody stopped it.
    async fn run(
        &mut self,
        options: &Options,
        scenario: &Scenario,
    ) -> anyhow::Result<Option<Played>> {
        let load = self.start_load(options, scenario).await?;
        let mut recorder = Recorder::new(self.settings(options));
        let mut meter = MachineMeter::start(self.client.clone());
        let mut show = Show::open(options, &format!("http://{}/", self.agent.address));
        let mut progress = load.progress();
        let stopped = self
            .follow(
                scenario,
                &mut recorder,
                &mut meter,
                &mut show,
                &mut progress,
            )
            .await?;
        load.stop();
        show.note("The load has ended; its last requests are awaited.");
        show.update(&recorder);
        let load = load.wait().await?;
        drop(show);
        if stopped {
            return Ok(None);
        }
        let latency = |nanos: u64| (load.response.count > 0).then(|| nanos as f64 / 1e6);
        let totals = Totals {
            requests: load.accounts.scheduled,
            failed_requests: load.accounts.scheduled - load.ok,
            p50_ms: latency(load.response.p50),
            p99_ms: latency(load.response.p99),
            missed: load.accounts.scheduled
                - answered_within(recorder.run.settings.normal_latency(), &load),
            api_calls: self.cloud.status().calls.values().sum(),
            machine: meter.time(),
        };
        let report = Report::new(&recorder.run, &totals);
        let resident = self.agent.resident_bytes();
        say(&format!("\n{}", summary::summary(&report, resident)));
        Ok(Some(Played {
            run: recorder.run,
            totals,
            report,
        }))
    }

    /// Watches until the pool is back at its smallest size, or time is up. True when someone asked
    /// to stop.
    async fn follow(
        &mut self,
        scenario: &Scenario,
        recorder: &mut Recorder,
        meter: &mut MachineMeter,
        show: &mut Show,
        progress: &mut watch::Receiver<Progress>,
    ) -> anyhow::Result<bool> {
        let mut stop = std::pin::pin!(asked_to_stop());
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut phases = scenario.phases().iter().enumerate();
        let mut phase_ends = Duration::ZERO;
        let mut is_quiet = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                event = show.event() => match event {
                    ScreenEvent::Stop => return Ok(true),
                    ScreenEvent::Redraw | ScreenEvent::Help => {}
                    ScreenEvent::Intervene(intervention) => {
                        let at = recorder.elapsed();
                        let done = self.intervene(intervention).await;
                        recorder.intervention(at, done);
                        match intervention {
                            Intervention::RestartAgent => recorder.agent_restarted(),
                            Intervention::CutMonitoring => recorder.alerts_forgotten(at),
                            _ => {}
                        }
                    }
                },
                asked = &mut stop => return asked.map(|()| true),
            }
            if let Some(status) = self.agent.ended() {
                bail!(
                    "the agent ended by itself with {status}; see agent.log in the report's folder"
                );
            }
            while recorder.elapsed() >= phase_ends {
                let Some((number, phase)) = phases.next() else {
                    return Ok(false);
                };
                recorder.phase(phase, number == scenario.first_step());
                phase_ends += phase.lasts.at_most();
                is_quiet = matches!(phase.lasts, Lasts::UntilMinimum { .. });
            }
            let readings = self.monitoring.readings();
            let status = self.cloud.status();
            recorder.sample(&status, &readings, &progress.borrow_and_update());
            recorder.alerts(&readings);
            let (decisions, ()) =
                tokio::join!(self.agent.decisions(&self.client), meter.look(&status));
            if let Ok(decisions) = decisions {
                recorder.decisions(&decisions);
            }
            show.update(recorder);
            if is_quiet && recorder.is_back_at_minimum() {
                return Ok(false);
            }
        }
    }

    async fn start_load(&self, options: &Options, scenario: &Scenario) -> anyhow::Result<Run> {
        let mut stages = scenario
            .phases()
            .iter()
            .map(|p| (p.lasts.at_most(), p.rate));
        let Some((time, rate)) = stages.next() else {
            bail!("a scenario without phases")
        };
        let profile = stages.fold(Profile::hold(rate, time), |profile, (time, rate)| {
            profile.then(Profile::hold(rate, time))
        });
        let url = format!("http://{}/?ms={}", self.entrance, WORK.as_millis());
        let mut plan = Plan::new(url.parse()?, Load::Open(profile));
        plan.threads = 1;
        plan.tick = TICK;
        // The balancer spreads connections, not requests, so new members are met only by new ones.
        plan.connection_max_age = Some(options.speed.scale(Duration::from_secs(10)));
        Ok(Run::start(plan).await?)
    }
}

/// Good answers within a limit. A timeout, which is among the response times, takes longer.
fn answered_within(limit: Duration, load: &loadtest::Summary) -> u64 {
    let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    load.histograms.response.count_between(0, limit)
}

/// Writes the report and the figure, each whatever becomes of the other.
fn write_files(options: &Options, played: &Played) -> bool {
    let Played {
        run,
        totals,
        report,
    } = played;
    let [report_file, figure_file] = options.files();
    say_written(&[
        (report.write(&report_file), &report_file),
        (timeline_svg::write(run, totals, &figure_file), &figure_file),
    ])
}

/// Says of each file where it is, or why not; true when all could be written.
pub(super) fn say_written(results: &[(io::Result<()>, &PathBuf)]) -> bool {
    let mut is_written = true;
    say("");
    for (result, file) in results {
        match result {
            Ok(()) => say(&format!("  Written: {}", file.display())),
            Err(error) => {
                is_written = false;
                complain(&format!("error: cannot write {}: {error}", file.display()));
            }
        }
    }
    is_written
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use clap::Parser as _;

    use super::*;
    use crate::example::{example_run, example_totals};

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(folder: &std::path::Path) -> Options {
        let line = ["demo".as_ref(), "--report".as_ref(), folder.as_os_str()];
        Line::parse_from(line).options
    }

    #[test]
    fn a_report_that_cannot_be_written_does_not_cost_the_figure() {
        let (run, totals) = (example_run(), example_totals());
        let report = Report::new(&run, &totals);
        let played = Played {
            run,
            totals,
            report,
        };
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(folder.path());
        assert!(write_files(&options, &played));

        let [report_file, figure_file] = options.files();
        for (full, other) in [(&report_file, &figure_file), (&figure_file, &report_file)] {
            for file in [full, other] {
                fs::remove_file(file).expect("it was written");
            }
            symlink("/dev/full", full).expect("a link");
            options
                .check()
                .expect("a device is only full when it is written to");
            assert!(!write_files(&options, &played));
            assert!(fs::metadata(other).expect("written").len() > 0);
        }
    }
}
