//! One run: started, shown, ended early on request, reported.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use loadtest::{Observer, Plan, Progress, Run, StopHandle, report::IntervalLog};
use tokio::{net::TcpListener, signal, sync::watch};

use super::{args::RunArgs, plain, screen};

/// Runs, reports, and says whether every condition was met.
pub(crate) async fn run(args: &RunArgs) -> anyhow::Result<bool> {
    let plan = args.plan()?;
    plan.check().map_err(loadtest::RunError::Plan)?;
    args.outputs.check()?;
    let metrics = match args.prometheus {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}"))?,
        ),
        None => None,
    };
    let mut observers: Vec<Box<dyn Observer>> = Vec::new();
    let mut log_failure = None;
    if let Some(path) = &args.hlog {
        let created = IntervalLog::create(path, &plan);
        let (log, failure) = created.with_context(|| format!("cannot write {}", path.display()))?;
        observers.push(Box::new(log));
        log_failure = Some((path, failure));
    }

    let started = Run::start_observed(plan.clone(), observers).await;
    if let (Err(_), Some(path)) = (&started, &args.hlog) {
        // A run that did not begin leaves no empty log behind.
        let _ = std::fs::remove_file(path);
    }
    let run = started?;
    if let Some(listener) = metrics {
        tokio::spawn(loadtest::serve_metrics(listener, run.progress()));
    }
    let shown = show(args, &plan, run.progress(), run.stop_handle());
    // Showing may fail, such as on a closed terminal; the run goes on, and its report is what counts.
    let (summary, shown) = tokio::join!(run.wait(), shown);
    let summary = summary?;
    if let Err(error) = shown {
        eprintln!("loadtest: cannot show progress: {error}");
    }
    if let Some((path, failure)) = log_failure
        && let Some(reason) = failure.get()
    {
        eprintln!("loadtest: {} is not complete: {reason}", path.display());
    }
    let verdicts: Vec<_> = args
        .fail_if
        .iter()
        .map(|threshold| threshold.judge(&summary))
        .collect();
    args.outputs.write(&summary, &verdicts)?;
    Ok(verdicts.iter().all(|verdict| !verdict.failed))
}

/// Shows the run until its end, and stops it when asked.
async fn show(
    args: &RunArgs,
    plan: &Plan,
    progress: watch::Receiver<Progress>,
    stop: StopHandle,
) -> io::Result<()> {
    if !args.quiet && !args.plain && io::stdout().is_terminal() && io::stdin().is_terminal() {
        return screen::show(plan, progress, stop).await;
    }
    let interrupted = tokio::spawn(stop_on_interrupt(stop));
    if args.quiet {
        let mut progress = progress;
        // An error means that the run is over.
        let _ = progress.wait_for(|progress| progress.finished).await;
    } else {
        plain::show(plan, progress).await;
    }
    interrupted.abort();
    Ok(())
}

/// Ends the run on the first Ctrl-C, and the program on the second.
async fn stop_on_interrupt(stop: StopHandle) {
    if signal::ctrl_c().await.is_ok() {
        eprintln!("loadtest: ending; requests under way are awaited (Ctrl-C again to end at once)");
        stop.stop();
    }
    if signal::ctrl_c().await.is_ok() {
        std::process::exit(130);
    }
}
