//! Arguments for numbers that go elsewhere while a run is under way.

#![expect(clippy::doc_markdown, reason = "--help shows these texts as they are")]

use clap::Args;
use loadtest::{Observer, Plan, RemoteWrite, RemoteWriteError, Target};

#[derive(Debug, Args)]
pub(crate) struct RemoteWriteArgs {
    /// Call the run this in reports, so that runs which should be alike can be compared
    #[arg(long, value_name = "TEXT", help_heading = "Reports")]
    pub(crate) label: Option<String>,
    /// Send every tick's metrics to this address by Prometheus remote write, such as
    /// http://127.0.0.1:9090/api/v1/write
    #[arg(long, value_name = "URL", value_parser = receiver, help_heading = "Reports")]
    pub(crate) remote_write: Option<Target>,
    /// Header of --remote-write, such as an authorization; may be repeated
    #[arg(
        long,
        value_name = "NAME: VALUE",
        help_heading = "Reports",
        requires = "remote_write"
    )]
    remote_write_header: Vec<String>,
}

/// What sends, and what observes the run for it.
type Prepared = (RemoteWrite, Box<dyn Observer>);

fn receiver(text: &str) -> Result<Target, String> {
    text.parse().map_err(|error: loadtest::ColumnError| {
        let shown = error.to_string();
        // Credentials in a URL are refused in the words of the target's own arguments.
        shown.replace("--basic-auth", "--remote-write-header 'Authorization: …'")
    })
}

impl RemoteWriteArgs {
    /// Prepares to send, if it was asked for.
    pub(super) fn prepare(&self, plan: &Plan) -> Result<Option<Prepared>, RemoteWriteError> {
        let target = self.remote_write.clone();
        target
            .map(|target| RemoteWrite::new(target, &self.remote_write_header, plan))
            .transpose()
    }
}
