//! Tells the story: plays the load, watches, writes down, and judges.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;
use loadtest::{Load, Plan, Profile, Progress, Run};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{
    lines::LineLog,
    options::Options,
    recorder::Recorder,
    report::{Report, Totals},
    screen::{Screen, ScreenEvent},
    stage::{CPU_QUOTA, Stage, asked_to_stop},
    story::{Lasts, Story},
    summary, timeline_svg,
};

/// CPU time of one request; with [`CPU_QUOTA`] it makes an instance's capacity.
const WORK: Duration = Duration::from_millis(20);
/// Time between two looks at everything.
const TICK: Duration = Duration::from_millis(500);

/// Runs the demo. Call it on the main thread, inside an actix `System`.
pub async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let capacity = CPU_QUOTA / WORK.as_secs_f64();
    let story = Story::new(capacity, options.speed, options.min_size, options.max_size)?;
    let mut stage = tokio::select! {
        stage = Stage::set(&options) => stage?,
        asked = asked_to_stop() => return asked.map(|()| stopped()),
    };
    let told = stage.tell(&options, &story).await;
    if let (Ok(Told::ToTheEnd(_)), true) = (&told, options.keep) {
        stage.keep().await?;
    }
    stage.clear().await?;
    match told? {
        Told::ToTheEnd(report) => Ok(report.checks.exit_code()),
        Told::Stopped => Ok(stopped()),
    }
}

fn stopped() -> ExitCode {
    eprintln!("Stopped before the end; nothing is left running.");
    ExitCode::from(130)
}

/// How the story ended.
enum Told {
    ToTheEnd(Box<Report>),
    Stopped,
}

impl Stage {
    /// Plays the load and writes down what happens.
    async fn tell(&mut self, options: &Options, story: &Story) -> anyhow::Result<Told> {
        let load = self.start_load(options, story).await?;
        let mut recorder = Recorder::new(self.settings(options));
        let mut show = Show::open(options)?;
        let mut progress = load.progress();
        let stopped = self
            .follow(story, &mut recorder, &mut show, &mut progress)
            .await?;
        load.stop();
        show.note("The load has ended; its last requests are awaited.");
        show.update(&recorder)?;
        let load = load.wait().await?;
        drop(show);
        if stopped {
            return Ok(Told::Stopped);
        }
        let latency = |nanos: u64| (load.response.count > 0).then(|| nanos as f64 / 1e6);
        let totals = Totals {
            requests: load.accounts.scheduled,
            failed_requests: load.accounts.scheduled - load.ok,
            p50_ms: latency(load.response.p50),
            p99_ms: latency(load.response.p99),
            api_calls: self.cloud.status().calls.values().sum(),
        };
        let report = Report::new(&recorder.run, &totals);
        report.write(&options.report.join("report.json"))?;
        timeline_svg::write(&recorder.run, &totals, &options.report.join("timeline.svg"))?;
        println!();
        print!(
            "{}",
            summary::summary(&report, Some(&options.report.display().to_string()))
        );
        if let Some(bytes) = self.agent.resident_bytes() {
            println!("  {:<22}{:.1} MB resident", "agent", bytes as f64 / 1e6);
        }
        Ok(Told::ToTheEnd(Box::new(report)))
    }

    /// Watches until the pool is back at its smallest size, or time is up. True when someone asked to
    /// stop.
    async fn follow(
        &mut self,
        story: &Story,
        recorder: &mut Recorder,
        show: &mut Show,
        progress: &mut watch::Receiver<Progress>,
    ) -> anyhow::Result<bool> {
        let mut stop = std::pin::pin!(asked_to_stop());
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut phases = story.phases().iter().enumerate();
        let mut phase_ends = Duration::ZERO;
        let mut is_quiet = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                event = show.event() => match event {
                    ScreenEvent::Stop => return Ok(true),
                    ScreenEvent::Resized => {}
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
                recorder.phase(&phase.label, number == story.first_step());
                phase_ends += phase.lasts.at_most();
                is_quiet = matches!(phase.lasts, Lasts::UntilMinimum { .. });
            }
            let readings = self.watcher.readings.borrow().clone();
            recorder.sample(
                &self.cloud.status(),
                &readings,
                &progress.borrow_and_update(),
            );
            recorder.alerts(&readings);
            if let Ok(decisions) = self.agent.decisions(&self.client).await {
                recorder.decisions(&decisions);
            }
            show.update(recorder)?;
            if is_quiet && recorder.is_back_at_minimum() {
                return Ok(false);
            }
        }
    }

    async fn start_load(&self, options: &Options, story: &Story) -> anyhow::Result<Run> {
        let mut stages = story.phases().iter().map(|p| (p.lasts.at_most(), p.rate));
        let Some((time, rate)) = stages.next() else {
            bail!("a story without phases")
        };
        let profile = stages.fold(Profile::hold(rate, time), |profile, (time, rate)| {
            profile.then(Profile::hold(rate, time))
        });
        let url = format!("http://{}/?ms={}", self.entrance, WORK.as_millis());
        let mut plan = Plan::new(url.parse()?, Load::Open(profile));
        plan.threads = 1;
        plan.tick = TICK;
        "x-instance".clone_into(&mut plan.backend_header);
        // The balancer spreads connections, not requests, so new members are met only by new ones.
        plan.connection_max_age = Some(options.speed.scale(Duration::from_secs(10)));
        Ok(Run::start(plan).await?)
    }
}

/// Where the run is shown.
enum Show {
    Screen(Screen),
    Lines(LineLog<io::Stdout>),
}

impl Show {
    fn open(options: &Options) -> io::Result<Self> {
        if io::stdout().is_terminal() && !options.plain {
            Ok(Self::Screen(Screen::open()?))
        } else {
            Ok(Self::Lines(LineLog::new(
                io::stdout(),
                Duration::from_secs(5),
            )))
        }
    }

    fn update(&mut self, recorder: &Recorder) -> io::Result<()> {
        match self {
            Self::Screen(screen) => screen.draw(&recorder.run, recorder.elapsed()),
            Self::Lines(lines) => lines.update(&recorder.run, recorder.elapsed()),
        }
    }

    fn note(&mut self, text: &str) {
        if let Self::Screen(screen) = self {
            screen.note(text);
        }
    }

    async fn event(&mut self) -> ScreenEvent {
        match self {
            Self::Screen(screen) => screen.event().await,
            Self::Lines(_) => std::future::pending().await,
        }
    }
}
