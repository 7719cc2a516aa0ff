//! Starts everything, tells the story, stops everything.

use std::{
    fs,
    io::{self, IsTerminal as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use loadtest::{Load, Plan, Profile, Progress, Run};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    agent_process::{AgentProcess, AgentSetup},
    leash,
    lines::LineLog,
    options::{Options, WatcherChoice},
    recorder::Recorder,
    report::{Report, Totals},
    screen::{Screen, ScreenEvent},
    story::{Lasts, Story},
    summary,
    timeline::RunSettings,
    timeline_svg,
    watcher::{
        RuleSettings, Watcher, WatcherHandle, http_client,
        prometheus::{PrometheusServer, PrometheusSettings, find_on_path},
        prometheus_source::PrometheusSource,
        scraper::ScrapeSource,
        webhook::{BearerToken, WebhookSettings},
    },
};
use crate::{
    exoscale::models::HealthStatus,
    local_cloud::{LocalCloud, LocalCloudConfig, runner::InstanceCommand},
};

/// CPU time of one request, and the part of a core an instance has: together an instance's capacity.
const WORK: Duration = Duration::from_millis(20);
const CPU_QUOTA: f64 = 0.25;
/// Time between two looks at everything.
const TICK: Duration = Duration::from_millis(500);
/// How long the first members may take to serve, at speed 1.
const FIRST_MEMBERS_WITHIN: Duration = Duration::from_secs(240);

/// Runs the demo. Call it on the main thread, inside an actix `System`.
pub async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let capacity = CPU_QUOTA / WORK.as_secs_f64();
    let story = Story::new(capacity, options.speed, options.min_size, options.max_size)?;
    let mut stage = Stage::set(&options).await?;
    let told = stage.tell(&options, &story).await;
    if let (Ok(Told::ToTheEnd(_)), true) = (&told, options.keep) {
        stage.keep().await?;
    }
    stage.clear().await?;
    match told? {
        Told::ToTheEnd(report) => Ok(report.checks.exit_code()),
        Told::Stopped => {
            eprintln!("Stopped before the end; nothing is left running.");
            Ok(ExitCode::from(130))
        }
    }
}

/// How the story ended.
enum Told {
    ToTheEnd(Box<Report>),
    Stopped,
}

/// Everything that runs.
struct Stage {
    cloud: LocalCloud,
    agent: AgentProcess,
    watcher: WatcherHandle,
    prometheus: Option<PrometheusServer>,
    client: reqwest::Client,
    entrance: SocketAddr,
    /// Removed with everything in it at the end.
    _folder: Folder,
}

impl Stage {
    async fn set(options: &Options) -> anyhow::Result<Self> {
        let client = http_client()?;
        let folder = Folder::make()?;
        let (alert_token, drain_token) = (random_token(), random_token());
        let secret = random_token();
        let cloud = start_cloud(options, &secret, &drain_token).await?;
        say("The local cloud serves; the first members boot.");
        let stack = cloud.create_stack(options.min_size).await?;
        let entrance = first_members(&cloud, options).await?;

        let setup = AgentSetup {
            endpoint: cloud.endpoint(),
            key: cloud.key().as_str(),
            secret: &secret,
            stack,
            speed: options.speed,
            min_size: options.min_size,
            max_size: options.max_size,
            folder: &folder.0,
            alert_token: &alert_token,
            drain_token: &drain_token,
            log: &options.report.join("agent.log"),
        };
        let agent = AgentProcess::start(&setup).await?;
        say(&format!("The agent is ready: http://{}/", agent.address));
        let webhook = WebhookSettings {
            url: format!("http://{}/webhook", agent.address),
            token: Some(BearerToken::new(alert_token.as_str())),
            timeout: Duration::from_secs(5),
        };
        let targets = setup.discovery_file();
        let (watcher, prometheus) =
            start_watcher(options, &folder.0, &targets, webhook, &client).await?;
        say(&format!("CPU is watched by {}.", watcher.name));
        Ok(Self {
            cloud,
            agent,
            watcher,
            prometheus,
            client,
            entrance,
            _folder: folder,
        })
    }

    /// Plays the load and writes down what happens.
    async fn tell(&mut self, options: &Options, story: &Story) -> anyhow::Result<Told> {
        let load = self.start_load(options, story).await?;
        let mut recorder = Recorder::new(self.run_settings(options));
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
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
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
                _ = terminate.recv() => return Ok(true),
                _ = interrupt.recv() => return Ok(true),
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

    fn run_settings(&self, options: &Options) -> RunSettings {
        let rules = RuleSettings::service();
        RunSettings {
            speed: options.speed,
            min_size: options.min_size,
            max_size: options.max_size,
            window: options.speed.scale(Duration::from_secs(60)),
            upper_threshold: rules.upper_threshold,
            lower_threshold: rules.lower_threshold,
            watcher: self.watcher.name.to_owned(),
        }
    }

    /// Leaves everything running until a signal.
    async fn keep(&mut self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        println!("\nStill running; Ctrl-C ends it.");
        println!("  application   http://{}/", self.entrance);
        println!("  agent         http://{}/", self.agent.address);
        println!("  local cloud   {}", self.cloud.endpoint());
        if let Some(prometheus) = &self.prometheus {
            println!("  Prometheus    {}", prometheus.url());
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }

    /// Stops everything, the watcher first, so that nothing is scaled while it goes.
    async fn clear(self) -> anyhow::Result<()> {
        drop(self.watcher);
        let status = self.agent.stop().await?;
        if let Some(prometheus) = self.prometheus {
            prometheus.stop().await?;
        }
        self.cloud.stop().await;
        if !status.success() {
            bail!("the agent ended with {status} instead of 0");
        }
        Ok(())
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

/// A folder under the system's temporary one.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("autoscaler-demo-{}", random_token()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn start_cloud(
    options: &Options,
    secret: &str,
    drain_token: &str,
) -> anyhow::Result<LocalCloud> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let further = ["--drain-token".to_owned(), drain_token.to_owned()];
    let command = InstanceCommand::slow_app(program, Some("slow-app"), CPU_QUOTA, &further);
    let config = LocalCloudConfig {
        speed: f64::from(options.speed.divisor()),
        secret: Some(secret.parse()?),
        ..LocalCloudConfig::with_processes(command)
    };
    Ok(LocalCloud::start(config).await?)
}

/// Waits until the balancer sends requests to as many members as there are to be; returns its address.
async fn first_members(cloud: &LocalCloud, options: &Options) -> anyhow::Result<SocketAddr> {
    let mut ticks = interval(Duration::from_millis(100));
    let serve = async {
        loop {
            ticks.tick().await;
            let status = cloud.status();
            let service = status.balancers.iter().flat_map(|b| &b.services).next();
            if let Some(service) = service
                && let Some(listen) = service.listen
            {
                let healthy =
                    |s: &&crate::local_cloud::ServerHealth| s.status == HealthStatus::Success;
                if service.servers.iter().filter(healthy).count() >= options.min_size as usize {
                    return listen;
                }
            }
        }
    };
    let limit = options.speed.scale(FIRST_MEMBERS_WITHIN);
    timeout(limit, serve)
        .await
        .context("the first members do not serve; is this machine very busy?")
}

async fn start_watcher(
    options: &Options,
    folder: &Path,
    targets: &Path,
    webhook: WebhookSettings,
    client: &reqwest::Client,
) -> anyhow::Result<(WatcherHandle, Option<PrometheusServer>)> {
    let rules = RuleSettings::service().divided_by(options.speed.divisor());
    let program = match options.watcher {
        WatcherChoice::BuiltIn => None,
        WatcherChoice::Auto => find_on_path("prometheus"),
        WatcherChoice::Prometheus => Some(
            find_on_path("prometheus")
                .context("--watcher prometheus: there is no `prometheus` on PATH")?,
        ),
    };
    let Some(program) = program else {
        let source = ScrapeSource::start(rules.scrapes(targets.to_owned()), client.clone());
        return Ok((Watcher::start(rules, source, webhook, client.clone()), None));
    };
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    let settings = PrometheusSettings {
        program,
        launcher: leash::command_line(own.as_os_str()),
        folder: folder.to_owned(),
        targets: targets.to_owned(),
        scrape_interval: rules.scrape_interval,
        ready_within: Duration::from_secs(60),
    };
    let server = PrometheusServer::start(&settings, client).await?;
    let source = PrometheusSource::new(
        &server.url(),
        client.clone(),
        rules.rate_window,
        Duration::from_secs(5),
    );
    Ok((
        Watcher::start(rules, source, webhook, client.clone()),
        Some(server),
    ))
}

fn random_token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn say(text: &str) {
    println!("{text}");
}
