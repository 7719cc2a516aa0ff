//! Where the rule evaluator learns the members' CPU use: its own scrapes, or a Prometheus that
//! scrapes.

use std::{future::Future, path::PathBuf, time::Duration};

use thiserror::Error;

use super::observation::Observation;

/// Something that can be asked for the pool's CPU use.
pub trait Source: Send + 'static {
    /// What it is called on the screen and in the report.
    fn name(&self) -> &'static str;

    /// The pool's CPU use now, taken over this time.
    fn observe(
        &mut self,
        window: Duration,
    ) -> impl Future<Output = Result<Observation, SourceError>> + Send;
}

/// Why there is no observation. No rule is ever breached by an error.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The discovery file was never read.
    #[error("the targets in {} are not known: {problem}", path.display())]
    Targets {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// HTTP failed, or the answer was an error.
    #[error("the request failed")]
    Http(#[from] reqwest::Error),
    /// The answer was not what was asked for.
    #[error("not understood: {0}")]
    Unexpected(String),
}
