//! Shows what the demo shows, with a made-up run and nothing started: for work on the screen and on the figure.
//!
//! `cargo run --example demo_views -- figure FILE.svg`, or `summary`, or `lines`, or `screen` (a replay; `q` ends it).

use std::{path::Path, time::Duration};

use anyhow::{Result, bail};
use autoscaler::demo::{
    example::{example_run, example_totals},
    lines::LineLog,
    report::Report,
    summary::summary,
    timeline_svg,
};

fn main() -> Result<()> {
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
        ["lines"] => {
            LineLog::new(std::io::stdout(), Duration::from_secs(5)).update(&run, run.end())?;
        }
        _ => bail!("name what to show: figure FILE.svg, summary, lines or screen"),
    }
    Ok(())
}
