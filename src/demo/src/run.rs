//! A whole run: starts everything, has it played, writes and says what it showed, and stops
//! everything.

use std::{io, path::PathBuf};

use super::{
    compare,
    environment::{CPU_QUOTA, Environment, WORK},
    options::Options,
    play::{Played, Session},
    scenario::Scenario,
    show::{complain, say},
    stop::StopSignals,
    summary, timeline_svg,
    verdict::Outcome,
};

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
    let mut stop = StopSignals::listen()?;
    let Some(mut environment) = set(&options, &scenario, &mut stop).await? else {
        return Ok(None);
    };
    let ended = show_and_tell(&mut environment, &options, &scenario, &mut stop).await;
    environment.clear().await?;
    Ok(ended?)
}

/// Plays the run, writes and says what it showed, and lets a person look around after it.
async fn show_and_tell(
    environment: &mut Environment,
    options: &Options,
    scenario: &Scenario,
    stop: &mut StopSignals,
) -> anyhow::Result<Option<Ended>> {
    let mut session = Session::begin(environment, options);
    let played = environment.play(options, scenario, &mut session, stop);
    let Some(played) = played.await? else {
        return Ok(None);
    };
    let written = write_files(options, &played);
    let ended = Ended {
        outcome: played.report.outcome,
        is_written: written.iter().all(|(result, _)| result.is_ok()),
    };
    let is_kept = options.keep && !played.run.ended_early;
    // The terminal is the screen's while there is one.
    let is_told_later = is_kept && session.show.is_screen();
    let tell = || {
        say(&format!(
            "\n{}",
            summary::summary(&played.report, played.agent_resident)
        ));
        say_written(&written);
    };
    if is_told_later {
        let word = summary::outcome_word(ended.outcome);
        session
            .show
            .outcome(&format!("The run: {word}. More after q."));
    } else {
        session.show.close_screen();
        tell();
    }
    let kept = if is_kept {
        environment
            .keep(options, scenario, &mut session, stop)
            .await
    } else {
        Ok(())
    };
    drop(session);
    if is_told_later {
        tell();
    }
    kept.map(|()| Some(ended))
}

/// Starts everything; `None` when somebody stopped it.
async fn set(
    options: &Options,
    scenario: &Scenario,
    stop: &mut StopSignals,
) -> Result<Option<Environment>, DemoError> {
    tokio::select! {
        environment = Environment::set(options, scenario) => environment.map(Some),
        () = stop.asked() => Ok(None),
    }
}

/// Starts everything, plays a run, stops everything and says what it showed; `None` when somebody
/// stopped or ended it, since runs that are not whole cannot be compared.
pub(super) async fn play(
    options: &Options,
    scenario: &Scenario,
    stop: &mut StopSignals,
) -> Result<Option<Played>, DemoError> {
    let Some(mut environment) = set(options, scenario, stop).await? else {
        return Ok(None);
    };
    let mut session = Session::begin(&environment, options);
    let played = environment.play(options, scenario, &mut session, stop);
    let played = played.await;
    drop(session);
    if let Ok(Some(played)) = &played {
        let told = summary::summary(&played.report, played.agent_resident);
        say(&format!("\n{told}"));
    }
    environment.clear().await?;
    Ok(played?.filter(|played| !played.run.ended_early))
}

/// What became of writing a file.
pub(super) type Written = (io::Result<()>, PathBuf);

/// Writes the report and the figure, each whatever becomes of the other.
fn write_files(options: &Options, played: &Played) -> [Written; 2] {
    let [report, figure] = options.files();
    [
        (played.report.write(&report), report),
        (
            timeline_svg::write(&played.run, &played.totals, &figure),
            figure,
        ),
    ]
}

/// Says of each file where it is, or why not; true when all could be written.
pub(super) fn say_written(results: &[Written]) -> bool {
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
    use crate::{
        example::{example_run, example_totals},
        report::Report,
    };

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
            agent_resident: None,
        };
        let is_written = |options: &Options| say_written(&write_files(options, &played));
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(folder.path());
        assert!(is_written(&options));

        let [report_file, figure_file] = options.files();
        for (full, other) in [(&report_file, &figure_file), (&figure_file, &report_file)] {
            for file in [full, other] {
                fs::remove_file(file).expect("it was written");
            }
            symlink("/dev/full", full).expect("a link");
            options
                .check()
                .expect("a device is only full when it is written to");
            assert!(!is_written(&options));
            assert!(fs::metadata(other).expect("written").len() > 0);
        }
    }
}
