//! Connections to another server than the one under test.

use std::{sync::Arc, time::Duration};

use super::{
    connect::{ConnectError, Connector},
    error::RunError,
    stream::Stream,
    tls,
    way::Way,
};
use crate::{
    plan::{Load, Plan},
    record::{Failure, Findings},
    target::Target,
    text::with_causes,
};

/// Opens connections to one server, which this machine's certificates must vouch for.
pub(crate) struct Dialer {
    way: Way,
}

impl Dialer {
    pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

    pub(crate) fn new(target: &Target) -> Result<Self, RunError> {
        let plan = Plan::new(target.clone(), Load::Closed(Self::TIMEOUT));
        let tls = tls::setup(&plan, target)?;
        let findings = Arc::new(Findings::default());
        Ok(Self {
            way: Way::new(&plan, target, tls, &findings),
        })
    }

    /// Opens a connection; the name is resolved each time.
    pub(crate) async fn open(&self) -> Result<Stream, ConnectError> {
        let resolved = self.way.resolve(true).await;
        let peers =
            resolved.map_err(|error| ConnectError::new(Failure::Dns, &with_causes(&error)))?;
        let connector = Connector::new(self.way.clone(), &peers, 0, Self::TIMEOUT);
        Ok(connector.open().await?.0)
    }
}
