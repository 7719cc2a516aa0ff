//! Connections to another server than the one under test.

use std::{sync::Arc, time::Duration};

use super::{
    connect::{ConnectError, Connector, resolve},
    error::RunError,
    stream::Stream,
    tls::{self, TlsSetup},
};
use crate::{
    plan::{Load, Plan},
    target::Target,
};

/// Opens connections to one server, which this machine's certificates must vouch for.
pub(crate) struct Dialer {
    target: Arc<Target>,
    tls: Option<TlsSetup>,
}

impl Dialer {
    pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

    pub(crate) fn new(target: &Target) -> Result<Self, RunError> {
        let plan = Plan::new(target.clone(), Load::Closed(Self::TIMEOUT));
        Ok(Self {
            target: Arc::new(target.clone()),
            tls: tls::setup(&plan)?,
        })
    }

    /// Opens a connection; the name is resolved each time.
    pub(crate) async fn open(&self) -> Result<Stream, ConnectError> {
        let addresses = resolve(&self.target).await?;
        let target = Arc::clone(&self.target);
        let connector = Connector::new(target, &addresses, 0, Self::TIMEOUT, self.tls.clone());
        Ok(connector.open().await?.0)
    }
}
