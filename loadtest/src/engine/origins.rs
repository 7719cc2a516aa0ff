//! The servers that a worker asks: each with its own connections.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use super::{
    connect::{ConnectError, Connector},
    error::RunError,
    opener::Opener,
    state::Place,
    tls::{self, TlsSetup},
    way::{Peer, Way},
};
use crate::{
    plan::Plan,
    record::{Failure, Findings},
    target::Target,
    text::with_causes,
};

/// Redirects may lead to so many more origins; each keeps connections open.
const MAX_FOUND: usize = 100;

/// An origin (scheme, host and port), ready to be connected to.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) target: Target,
    way: Way,
    peers: Vec<Peer>,
}

impl Origin {
    /// Prepares all the origins of a plan, with certificates read once.
    pub(crate) async fn prepare(
        plan: &Plan,
        findings: &Arc<Findings>,
        targets: Vec<Target>,
    ) -> Result<Vec<Self>, RunError> {
        let mut origins: Vec<Self> = Vec::with_capacity(targets.len());
        let mut known: Option<TlsSetup> = None;
        for target in targets {
            let tls = match &known {
                Some(known) if target.is_tls() => Some(known.for_host(target.host())?),
                _ => tls::setup(plan, &target)?,
            };
            known = known.or_else(|| tls.clone());
            origins.push(Self::new(plan, findings, target, tls).await?);
        }
        Ok(origins)
    }

    async fn new(
        plan: &Plan,
        findings: &Arc<Findings>,
        target: Target,
        tls: Option<TlsSetup>,
    ) -> Result<Self, RunError> {
        let way = Way::new(plan, &target, tls, findings);
        let peers = way.resolve(false).await?;
        Ok(Self { target, way, peers })
    }

    /// The addresses, for a reader.
    pub(crate) fn addresses(&self) -> String {
        self.way.show(&self.peers)
    }

    /// `worker` decides where in the list of addresses it begins.
    pub(crate) fn connector(&self, plan: &Plan, worker: usize) -> Connector {
        Connector::new(self.way.clone(), &self.peers, worker, plan.connect_timeout)
    }
}

pub(crate) struct Origins {
    plan: Arc<Plan>,
    findings: Arc<Findings>,
    place: Place,
    known: RefCell<Vec<(Target, Rc<Opener>)>>,
    /// The origins that are not the plan's.
    most: usize,
}

impl Origins {
    pub(crate) fn new(
        plan: Arc<Plan>,
        findings: Arc<Findings>,
        place: Place,
        origins: &[Origin],
    ) -> Self {
        let most = origins.len() + MAX_FOUND;
        let all = Self {
            plan,
            findings,
            place,
            known: RefCell::default(),
            most,
        };
        for origin in origins {
            all.add(origin);
        }
        all
    }

    fn add(&self, origin: &Origin) -> usize {
        let connector = origin.connector(&self.plan, self.place.index);
        let opener = Opener::new(connector, self.place.share(self.plan.connections));
        let mut known = self.known.borrow_mut();
        known.push((origin.target.clone(), Rc::new(opener)));
        known.len() - 1
    }

    /// What opens an origin's connections.
    pub(crate) fn opener(&self, origin: usize) -> Rc<Opener> {
        Rc::clone(&self.known.borrow()[origin].1)
    }

    fn find(&self, target: &Target) -> Option<usize> {
        let known = self.known.borrow();
        known
            .iter()
            .position(|(known, _)| known.has_same_origin(target))
    }

    /// The place of an origin to which a redirect leads.
    pub(crate) async fn find_or_add(&self, target: &Target) -> Result<usize, ConnectError> {
        if let Some(known) = self.find(target) {
            return Ok(known);
        }
        if self.known.borrow().len() >= self.most {
            let reason = format!("redirects lead to more than {MAX_FOUND} other origins");
            return Err(ConnectError::new(Failure::Redirect, &reason));
        }
        let tls = tls::setup(&self.plan, target)
            .map_err(|error| ConnectError::new(Failure::Tls, &with_causes(&error)))?;
        let origin = Origin::new(&self.plan, &self.findings, target.clone(), tls)
            .await
            .map_err(|error| ConnectError::new(Failure::Dns, &with_causes(&error)))?;
        // Another slot may have been faster.
        let found = self.find(target);
        Ok(found.unwrap_or_else(|| self.add(&origin)))
    }

    /// Resolves all names again.
    pub(crate) async fn refresh(&self) {
        let openers: Vec<_> = self
            .known
            .borrow()
            .iter()
            .map(|(_, o)| Rc::clone(o))
            .collect();
        for opener in openers {
            opener.refresh().await;
        }
    }
}
