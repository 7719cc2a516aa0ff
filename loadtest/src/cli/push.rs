//! Results that go to presigned URLs when the run has ended, so that a machine may go away.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use loadtest::{Plan, fleet::Uploader};
use reqwest::Url;
use tempfile::NamedTempFile;

use super::{ending::say, fleet};

/// Where results go, besides this machine.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Be one of many machines that make one load: claim a slice of it, start with the others, and
    /// push the results, all as the file says that loadtest fleet wrote
    #[arg(long, value_name = "FILE", help_heading = "Running", conflicts_with_all = ["slice", "start_at"])]
    fleet: Option<PathBuf>,
    /// After the run, put a report to this presigned URL; may be repeated. The URL's path ends in
    /// .hlog for the interval log, or in .json
    #[arg(long, value_name = "URL", help_heading = "Reports")]
    push_to: Vec<Target>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Log,
    Json,
}

/// A URL, and what belongs there.
#[derive(Clone)]
struct Target {
    kind: Kind,
    url: Url,
}

impl Target {
    /// The URL without its signature.
    fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.to_string()
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
        let url =
            url.ok_or("expected a URL, such as https://sos-at-vie-1.exo.io/BUCKET/run.hlog")?;
        let kind = match url.path().rsplit_once('.') {
            Some((_, "hlog")) => Kind::Log,
            Some((_, "json")) => Kind::Json,
            _ => return Err("the URL's path must end in .hlog or .json".to_owned()),
        };
        Ok(Self { kind, url })
    }
}

/// What is to be pushed, and where.
#[derive(Debug)]
pub(super) struct Pushes {
    targets: Vec<Target>,
    /// The log, where nobody asked for a file of it.
    log: Option<NamedTempFile>,
}

impl PushArgs {
    /// Claims a slice for the plan if there is a fleet. `log` is the log that is asked for anyway.
    pub(super) async fn prepare(
        &self,
        plan: &mut Plan,
        log: Option<&Path>,
    ) -> anyhow::Result<Pushes> {
        let mut targets = self.push_to.clone();
        let of = |kind, url: Url| Target { kind, url };
        if let Some(file) = &self.fleet {
            let urls = fleet::join(file, plan).await.context("--fleet")?.urls;
            targets.extend([of(Kind::Log, urls.hlog), of(Kind::Json, urls.json)]);
        }
        let needs_log = targets.iter().any(|target| target.kind == Kind::Log) && log.is_none();
        let file = || {
            let mut builder = tempfile::Builder::new();
            builder.prefix("loadtest-").suffix(".hlog").tempfile()
        };
        let log = needs_log.then(file).transpose();
        let log = log.context("cannot make a temporary file for the log")?;
        Ok(Pushes { targets, log })
    }
}

impl Pushes {
    /// Where the log is written, if anywhere.
    pub(super) fn log_path<'a>(&'a self, asked: Option<&'a Path>) -> Option<&'a Path> {
        let own = self.log.as_ref().map(NamedTempFile::path);
        asked.or(own)
    }

    /// Pushes everything, whatever becomes of the others; gives the failures. A log that could not
    /// be written whole stays here: its sums would be wrong.
    pub(super) async fn push(
        mut self,
        log: Option<&Path>,
        log_failure: Option<&io::Error>,
        json: &str,
    ) -> Vec<anyhow::Error> {
        let mut failures = Vec::new();
        let mut keep_log = false;
        for target in &self.targets {
            let content = match target.kind {
                Kind::Log => read_log(log, log_failure),
                Kind::Json => Ok(json.as_bytes().to_vec()),
            };
            let pushed = match content {
                Ok(content) => put(&target.url, content).await,
                Err(error) => Err(error),
            };
            match pushed {
                Ok(()) => say(&format!("loadtest: pushed {}", target.shown())),
                Err(error) => {
                    keep_log |= target.kind == Kind::Log;
                    failures.push(error.context(format!("cannot push {}", target.shown())));
                }
            }
        }
        if keep_log && let Some(Ok((_, path))) = self.log.take().map(NamedTempFile::keep) {
            say(&format!("loadtest: the log stays in {}", path.display()));
        }
        failures
    }
}

fn read_log(path: Option<&Path>, failure: Option<&io::Error>) -> anyhow::Result<Vec<u8>> {
    if let Some(error) = failure {
        bail!("the log is not whole: {error}");
    }
    let path = path.context("there is no log")?;
    let log = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(!log.is_empty(), "the run ended before its first interval");
    Ok(log)
}

async fn put(url: &Url, content: Vec<u8>) -> anyhow::Result<()> {
    Ok(Uploader::new(url.scheme())?.put(url, content).await?)
}

#[cfg(test)]
mod tests {
    use super::{Kind, Target};

    #[test]
    fn the_path_says_what_belongs_to_a_url() {
        let target = |text: &str| text.parse::<Target>();
        let log = target("https://h/b/run.hlog?X-Amz-Signature=abc").expect("valid");
        assert_eq!(log.kind, Kind::Log);
        assert_eq!(format!("{log:?}"), "https://h/b/run.hlog");
        assert_eq!(target("http://h/x.json").expect("valid").kind, Kind::Json);
        for wrong in [
            "https://h/b/run",
            "https://h/b?x=.hlog",
            "/b/run.hlog",
            "ftp://h/a.json",
        ] {
            target(wrong).expect_err(wrong);
        }
    }
}
