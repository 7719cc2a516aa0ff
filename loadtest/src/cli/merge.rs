//! `loadtest merge`: finds the logs, adds them up, and says which are missing.

#![expect(clippy::doc_markdown, reason = "--help shows these texts as they are")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use loadtest::{
    Threshold,
    fleet::{self, Bucket, Place},
    report::{self, Log, MissingSlices},
};
use tokio::runtime::{self, Runtime};

use super::{
    args::column,
    ending::{Ending, Failed},
    outputs::{self, Outputs},
    store::StoreArgs,
};

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The logs: files, folders of .hlog files, and folders of a bucket (s3://BUCKET/FOLDER, with
    /// the key in EXOSCALE_API_KEY and EXOSCALE_API_SECRET or their AWS_ names)
    #[arg(required = true, value_name = "LOGS")]
    logs: Vec<PathBuf>,
    /// Merge what is there although a slice of the load has no log
    #[arg(long)]
    allow_missing: bool,
    /// Fail when this holds; may be repeated
    #[arg(long, value_name = "CONDITION", value_parser = column::<Threshold>)]
    fail_if: Vec<Threshold>,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Logs that an argument names.
enum Source {
    Files(Vec<PathBuf>),
    Bucket(Place),
}

pub(super) fn merge(args: &MergeArgs) -> Result<Ending, Failed> {
    let sources = args.logs.iter().map(|log| find(log));
    let sources: Vec<Source> = sources.collect::<Result<_, _>>().map_err(Failed::usage)?;
    let files = sources.iter().flat_map(|source| match source {
        Source::Files(files) => &**files,
        Source::Bucket(_) => &[],
    });
    let inputs: Vec<_> = files.map(|log| ("LOGS", &**log)).collect();
    args.outputs.check(None, &inputs).map_err(Failed::usage)?;
    check_named_once(&sources).map_err(Failed::usage)?;

    let logs = read(&sources, &args.store).map_err(Failed::usage)?;
    let missing = report::missing_slices(&logs).err();
    if let (Some(missing), false) = (&missing, args.allow_missing) {
        let holders = holders(&sources, missing, &args.store);
        let error = anyhow!("{missing}{holders}; --allow-missing merges what is there");
        return Err(Failed::usage(error));
    }
    let mut summary = report::merge_logs(&logs);
    summary.warnings.extend(missing.map(|one| one.warning()));
    let verdicts = args.fail_if.iter();
    let verdicts: Vec<_> = verdicts.map(|one| one.judge(&summary)).collect();
    let failures = args.outputs.write(&summary, &verdicts);
    Ok(outputs::settle(Ending::of(&summary, &verdicts), &failures))
}

fn find(log: &Path) -> anyhow::Result<Source> {
    if let Some(text) = log.to_str().filter(|text| Place::is_meant(text)) {
        return Ok(Source::Bucket(text.parse()?));
    }
    if !log.is_dir() {
        return Ok(Source::Files(vec![log.to_owned()]));
    }
    let cannot = || format!("cannot read {}", log.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(log).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.extension().is_some_and(|kind| kind == "hlog") {
            files.push(path);
        }
    }
    ensure!(
        !files.is_empty(),
        "there is no .hlog file in {}",
        log.display()
    );
    files.sort();
    Ok(Source::Files(files))
}

/// Fails for a log that would count twice, such as one of a folder that is named as well.
fn check_named_once(sources: &[Source]) -> anyhow::Result<()> {
    let mut names = BTreeSet::new();
    for source in sources {
        let places = match source {
            Source::Bucket(place) => vec![place.to_string()],
            Source::Files(files) => {
                let whole =
                    |file: &PathBuf| fs::canonicalize(file).unwrap_or_else(|_| file.clone());
                let whole = files.iter().map(whole);
                whole.map(|file| file.display().to_string()).collect()
            }
        };
        for place in places {
            let twice = format!("{place} is named twice, and would count twice");
            ensure!(names.insert(place), twice);
        }
    }
    Ok(())
}

fn read(sources: &[Source], store: &StoreArgs) -> anyhow::Result<Vec<Log>> {
    let mut logs = Vec::new();
    for source in sources {
        match source {
            Source::Files(files) => {
                for file in files {
                    logs.push(Log::read(file)?);
                }
            }
            Source::Bucket(place) => logs.extend(read_bucket(place, store)?),
        }
    }
    Ok(logs)
}

fn open(place: &Place, store: &StoreArgs) -> anyhow::Result<(Bucket, Runtime)> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    Ok((Bucket::new(&store.account()?, place)?, runtime))
}

fn read_bucket(place: &Place, store: &StoreArgs) -> anyhow::Result<Vec<Log>> {
    let cannot = || format!("cannot read {place}");
    let (bucket, runtime) = open(place, store).with_context(cannot)?;
    let found = runtime.block_on(bucket.logs(place)).with_context(cannot)?;
    ensure!(!found.is_empty(), "there is no .hlog object in {place}");
    let logs = found.into_iter().map(|(name, content)| {
        let text = String::from_utf8_lossy(&content);
        Ok(Log::parse(name, &text)?)
    });
    logs.collect()
}

/// Which machines had the missing slices, where their fleet's bucket is known: those that somebody
/// may look at.
fn holders(sources: &[Source], missing: &MissingSlices, store: &StoreArgs) -> String {
    let places = sources.iter().filter_map(|source| match source {
        Source::Bucket(place) => Some(place),
        Source::Files(_) => None,
    });
    let mut found = Vec::new();
    for place in places {
        let Ok((bucket, runtime)) = open(place, store) else {
            continue;
        };
        for slice in missing.slices() {
            let holder = runtime.block_on(fleet::holder(&bucket, place, *slice));
            if let Ok(Some(machine)) = holder {
                found.push(format!("; {machine} had claimed {slice}"));
            }
        }
    }
    found.concat()
}
