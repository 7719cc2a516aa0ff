//! A machine of many: `loadtest fleet` prepares their common document, and `--fleet` takes part.

#![expect(clippy::doc_markdown, reason = "--help shows these texts as they are")]

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use loadtest::{
    Plan,
    fleet::{Bucket, Claim, Fleet, Place, Wanted},
};
use tempfile::NamedTempFile;

use super::{
    args::{duration, moment},
    ending::{Ending, Failed, print, say},
    files::{check_writable, is_stdout},
    store::StoreArgs,
};

#[derive(Debug, Args)]
pub(crate) struct FleetArgs {
    /// An empty folder of a bucket for the results, such as s3://BUCKET/runs/1
    place: Place,
    /// How many machines share the load
    #[arg(short, long, value_name = "COUNT")]
    machines: usize,
    /// Start the load after this time, which every machine needs to boot
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10m")]
    start_in: Duration,
    /// Start the load at this moment, such as 2030-01-31T12:00:00Z or seconds since 1970
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "start_in")]
    start_at: Option<SystemTime>,
    /// How long the machines can claim slices and push results; at most 168h
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "24h")]
    valid: Duration,
    /// Write the document to this file, which only its owner can read; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

/// Makes the document for the machines.
pub(super) async fn prepare(args: FleetArgs) -> Result<Ending, Failed> {
    if !is_stdout(&args.out) {
        // Afterwards the folder is taken.
        check_writable(("--out", &args.out)).map_err(Failed::usage)?;
    }
    let account = args.store.account().map_err(Failed::usage)?;
    let bucket = Bucket::new(&account, &args.place).context("cannot use the bucket")?;
    let in_time = SystemTime::now() + args.start_in;
    let wanted = Wanted {
        place: args.place,
        machines: args.machines,
        start_at: args.start_at.unwrap_or(in_time),
        valid: args.valid,
    };
    let fleet = wanted.prepare(&bucket).await.map_err(Failed::usage)?;
    write(&args.out, &(fleet.to_json() + "\n"))
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    let (machines, start, end) = (fleet.machines(), fleet.start_at(), fleet.expires());
    say(&format!(
        "loadtest: {machines} machines start at {}, and may push until {}; then: loadtest merge {}",
        whole_seconds(start),
        whole_seconds(end),
        wanted.place
    ));
    Ok(Ending::Well)
}

/// The document lets its readers write results, so that nobody else may read the file.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if is_stdout(path) {
        return Ok(print(text)?);
    }
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Claims a slice, and has the plan carry it.
pub(super) async fn join(file: &Path, plan: &mut Plan) -> anyhow::Result<Claim> {
    let fleet = Fleet::read(file)?;
    fleet.check(plan, SystemTime::now())?;
    let claim = Claim::first_free(&fleet).await?;
    claim.apply(&fleet, plan);
    say(&format!(
        "loadtest: this machine has slice {} of the load, which starts at {}",
        claim.slice,
        whole_seconds(fleet.start_at())
    ));
    Ok(claim)
}
