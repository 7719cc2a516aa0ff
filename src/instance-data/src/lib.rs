//! What one instance is told: a JSON document in its user-data, read at boot and whenever it may
//! have changed, checked, and written as one file for each program that needs a part. See
//! `docs/instance-data.md`.
//!
//! It never starts those programs, and it talks to nothing but the metadata service.

mod document;
mod fetch;
mod files;
mod grafana_text;
mod monitoring;
mod operator;
mod slow_app;
mod ssh_key;
mod tls;

use std::{io, path::PathBuf, time::Duration};

use clap::Args;
use program::time_text::{DAY, time_within};
use thiserror::Error;

pub use document::{Document, DocumentError, Role};
pub use fetch::FetchError;
pub use monitoring::Monitoring;
pub use slow_app::SlowApp;

/// What to read and where to write it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Refuse a document for another role.
    #[arg(long, env = "INSTANCE_ROLE", value_name = "ROLE")]
    pub role: Option<Role>,

    /// The folder for the files; made with mode 0700 if it is not there.
    #[arg(long, value_name = "FOLDER", default_value = "/run/instance")]
    pub output: PathBuf,

    /// Where to read it.
    #[command(flatten)]
    pub source: MetadataOptions,
}

/// Where an instance finds its user-data.
#[derive(Args, Clone, Debug)]
pub struct MetadataOptions {
    /// The metadata service.
    #[arg(
        long,
        env = "INSTANCE_METADATA_URL",
        value_name = "URL",
        default_value = "http://169.254.169.254"
    )]
    pub metadata_url: String,

    /// How long to go on asking while there is no answer.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time_within(Duration::ZERO..=DAY))]
    pub wait: Duration,
}

/// Why an instance has no settings.
#[derive(Debug, Error)]
pub enum InstanceDataError {
    /// The metadata service did not answer as it should.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// There is no user-data.
    #[error(
        "this instance has no user-data; give it a document as docs/instance-data.md describes it"
    )]
    Absent,
    /// The user-data is not a document for this instance.
    #[error("the user-data cannot be used")]
    Document(#[from] DocumentError),
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads and checks the document; `None` when the instance has no user-data.
///
/// # Errors
/// No answer in time, or a document that is not right for `role`.
pub async fn read(
    source: &MetadataOptions,
    role: Option<Role>,
) -> Result<Option<Document>, InstanceDataError> {
    let Some(bytes) = fetch::user_data(&source.metadata_url, source.wait).await? else {
        return Ok(None);
    };
    let document = Document::parse(&bytes)?;
    if let Some(wanted) = role {
        document.check_role(wanted)?;
    }
    Ok(Some(document))
}

/// A document whose files are in place.
#[derive(Debug)]
pub struct Installed {
    /// What was read.
    pub document: Document,
    /// The files that an earlier read had not left with the same content.
    pub changed: Vec<&'static str>,
}

/// Reads the document, checks it, and writes its files. One that is there with the same content is
/// left alone.
///
/// # Errors
/// Nothing was read, or the document is wrong, in which case nothing is written; or a file cannot
/// be written.
pub async fn install(options: &Options) -> Result<Installed, InstanceDataError> {
    let document = read(&options.source, options.role).await?;
    let document = document.ok_or(InstanceDataError::Absent)?;
    let changed = files::write(&options.output, &document.files())?;
    Ok(Installed { document, changed })
}
