//! One run: started, shown, ended early on request, reported.

use std::{
    convert::Infallible,
    env,
    ffi::OsStr,
    future::Future,
    io::{self, IsTerminal as _},
    path::Path,
    sync::{Arc, OnceLock},
};

use anyhow::Context as _;
use loadtest::{
    Observer, Plan, Progress, Run, StopHandle, Summary, Verdict,
    report::{self, IntervalLog},
};
use tokio::{net::TcpListener, runtime::Handle, sync::watch, task::spawn_blocking};

use super::{
    args::RunArgs,
    ending::{Ending, Failed, say_error},
    interrupts::Interrupts,
    outputs::settle,
    plain, screen,
};

/// Runs, reports, and says how it went.
pub(crate) async fn run(args: RunArgs) -> Result<Ending, Failed> {
    let mut plan = args.checked_plan().map_err(Failed::usage)?;
    args.check_files().map_err(Failed::usage)?;
    let metrics = listen(&args).await.map_err(Failed::usage)?;
    let mut interrupts = Interrupts::listen().context("cannot listen for Ctrl-C")?;

    let preparing = args.push.prepare(&mut plan, args.hlog.as_deref());
    let pushes = unless(interrupts.leave(), preparing).await;
    let pushes = pushes.map_err(Failed::usage)?;

    let mut log_failure = Arc::default();
    let mut observers: Vec<Box<dyn Observer>> = Vec::new();
    let log_path = pushes.log_path(args.hlog.as_deref()).map(Path::to_owned);
    if let Some(path) = &log_path {
        let log;
        (log, log_failure) = IntervalLog::new(path, &plan);
        observers.push(Box::new(log));
    }
    let remote = args.remote_write.prepare(&plan).map_err(Failed::usage)?;
    let remote = remote.map(|(remote, observer)| {
        observers.push(observer);
        remote
    });
    let start = Run::start_observed(plan.clone(), observers);
    let run = unless(interrupts.leave(), start).await?;
    if let Some(listener) = metrics {
        tokio::spawn(loadtest::serve_metrics(listener, run.progress()));
    }

    let runtime = Handle::current();
    let written = remote.map(|remote| spawn_blocking(move || runtime.block_on(remote.run())));
    let (progress, stop) = (run.progress(), run.stop_handle());
    let has_screen = args.has_screen();
    // Showing may fail, such as on a closed terminal; the run goes on, and its report is what
    // counts.
    let shown = async { tokio::join!(run.wait(), show(&args, &plan, progress, &stop)) };
    let (summary, shown) = unless(interrupts.stop(&stop, has_screen), shown).await;
    if let Err(error) = shown {
        say_error(&anyhow::Error::new(error).context("cannot show progress"));
    }
    let mut summary = summary?;
    if let Some(written) = written {
        let written = unless(interrupts.leave(), written).await;
        let warning = written.context("cannot write to --remote-write")?.warning();
        summary.warnings.extend(warning);
    }
    let json = report::to_json(&summary, &judge(&args, &summary)) + "\n";
    let log_error = Arc::clone(&log_failure);
    let pushing = pushes.push(log_path.as_deref(), log_error.get(), &json);
    // Writing waits where a report is a pipe that nobody reads.
    let reporting = spawn_blocking(move || report(&args, &summary, &log_failure));
    let both = async { tokio::join!(reporting, pushing) };
    let (ending, failures) = unless(interrupts.leave(), both).await;
    Ok(settle(ending.context("cannot report")?, &failures))
}

fn judge(args: &RunArgs, summary: &Summary) -> Vec<Verdict> {
    let thresholds = args.fail_if.iter();
    thresholds
        .map(|threshold| threshold.judge(summary))
        .collect()
}

/// Waits for `wanted`, unless what ends the program comes first.
async fn unless<T>(end: impl Future<Output = Infallible>, wanted: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        result = wanted => result,
        never = end => match never {},
    }
}

async fn listen(args: &RunArgs) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = args.prometheus else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await;
    listener
        .map(Some)
        .with_context(|| format!("cannot listen on {address} (--prometheus)"))
}

/// Shows and writes everything, then what could not be written.
fn report(args: &RunArgs, summary: &Summary, log_failure: &OnceLock<io::Error>) -> Ending {
    let verdicts = judge(args, summary);
    let mut failures = args.outputs.write(summary, &verdicts);
    if let (Some(path), Some(error)) = (&args.hlog, log_failure.get()) {
        let what = format!("cannot write {}: {error}", path.display());
        failures.push(anyhow::Error::msg(what));
    }
    settle(Ending::of(summary, &verdicts), &failures)
}

/// Shows the run until its end.
async fn show(
    args: &RunArgs,
    plan: &Plan,
    mut progress: watch::Receiver<Progress>,
    stop: &StopHandle,
) -> io::Result<()> {
    if args.has_screen() {
        return screen::show(plan, progress, stop).await;
    }
    if args.quiet {
        // An error means that the run is over.
        let _ = progress.wait_for(|progress| progress.finished).await;
    } else {
        plain::show(plan, progress).await;
    }
    Ok(())
}

impl RunArgs {
    fn has_screen(&self) -> bool {
        !self.quiet
            && !self.plain
            && io::stdout().is_terminal()
            && io::stdin().is_terminal()
            && can_draw(env::var_os("TERM").as_deref())
    }
}

/// Whether a terminal of this kind (the variable TERM) can place text where it should stand.
fn can_draw(kind: Option<&OsStr>) -> bool {
    kind.is_some_and(|kind| !kind.is_empty() && kind != "dumb" && kind != "unknown")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::can_draw;

    #[test]
    fn a_terminal_that_cannot_draw_gets_lines() {
        for kind in ["xterm-256color", "screen", "tmux-256color", "linux"] {
            assert!(can_draw(Some(OsStr::new(kind))), "{kind}");
        }
        for kind in [None, Some(""), Some("dumb"), Some("unknown")] {
            assert!(!can_draw(kind.map(OsStr::new)), "{kind:?}");
        }
    }
}
