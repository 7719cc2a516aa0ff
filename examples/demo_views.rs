//! Shows what the demo shows, with a made-up run and nothing started: for work on the screen and on the figure.
//!
//! `cargo run --example demo_views -- figure FILE.svg`, or `summary`, or `lines`, or `screen` (a replay; `q` ends it).

use std::{io, path::Path, time::Duration};

use anyhow::{Result, bail};
use autoscaler::demo::{
    example::{example_run, example_totals},
    lines::LineLog,
    report::Report,
    screen::{Screen, ScreenEvent},
    summary::summary,
    timeline::Timeline,
    timeline_svg,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (run, totals) = (example_run(), example_totals());
    match args
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["figure", path] => timeline_svg::write(&run, &totals, Path::new(path))?,
        ["summary"] => print!("{}", summary(&Report::new(&run, &totals), None)),
        ["lines"] => LineLog::new(io::stdout(), Duration::from_secs(5)).update(&run, run.end())?,
        ["screen"] => replay(&run).await?,
        _ => bail!("name what to show: figure FILE.svg, summary, lines or screen"),
    }
    Ok(())
}

/// Plays the run at ten times its speed.
async fn replay(whole: &Timeline) -> io::Result<()> {
    let mut screen = Screen::open()?;
    let mut run = Timeline::new(whole.settings.clone());
    for sample in &whole.samples {
        let now = sample.at;
        let happened = |at: Duration| at <= now;
        run.samples.push(sample.clone());
        run.phases = whole
            .phases
            .iter()
            .filter(|phase| happened(phase.at))
            .cloned()
            .collect();
        run.actions = whole
            .actions
            .iter()
            .filter(|action| happened(action.at))
            .cloned()
            .collect();
        run.alerts = whole
            .alerts
            .iter()
            .filter(|alert| happened(alert.at))
            .cloned()
            .collect();
        run.decisions = whole
            .decisions
            .iter()
            .filter(|decision| happened(decision.at))
            .cloned()
            .collect();
        screen.draw(&run, now)?;
        tokio::select! {
            ScreenEvent::Stop = screen.event() => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(25)) => {}
        }
    }
    screen.note("the replay is over: q ends it");
    loop {
        screen.draw(&run, run.end())?;
        if screen.event().await == ScreenEvent::Stop {
            return Ok(());
        }
    }
}
