//! Requests in the form in which the engine sends them. All workers share them.

use std::{cell::RefCell, sync::Arc};

use bytes::Bytes;

use super::hyper_request::{self, HyperRequest};
use crate::{
    data::Data,
    http1::encode_request,
    message::{Draft, Message, MessageTemplate},
    plan::{Engine, Plan},
    target::Target,
    template::Values,
};

/// A request as it goes out.
pub(crate) struct Outgoing {
    /// The place of its origin among the run's.
    pub(crate) origin: usize,
    pub(crate) wire: Wire,
    /// Whether its response has no body.
    pub(crate) bodiless: bool,
    pub(crate) idempotent: bool,
    /// What a redirect starts from; none where they are not followed.
    pub(crate) message: Option<Arc<Message>>,
}

pub(crate) enum Wire {
    Http1(Bytes),
    Hyper(Box<HyperRequest>),
}

impl Wire {
    /// The request's bytes; none for hyper's engines.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Http1(bytes) => bytes,
            Self::Hyper(_) => &[],
        }
    }
}

impl Outgoing {
    pub(crate) fn new(
        message: Message,
        origin: usize,
        plan: &Plan,
    ) -> Result<Self, hyper::http::Error> {
        let http2 = matches!(plan.engine, Engine::Http2 { .. });
        let forwarder = plan.route.forwarder(&message.target, http2);
        let wire = match plan.engine {
            Engine::Http1 => Wire::Http1(encode_request(&message, forwarder).into()),
            Engine::Hyper | Engine::Http2 { .. } => {
                Wire::Hyper(hyper_request::build(&message, http2, forwarder)?.into())
            }
        };
        Ok(Self {
            origin,
            wire,
            bodiless: message.method == "HEAD",
            idempotent: message.is_idempotent(),
            message: (plan.redirects > 0).then(|| Arc::new(message)),
        })
    }
}

/// What is sent in one turn.
pub(crate) enum Turn {
    Fixed(Outgoing),
    Template {
        origin: usize,
        template: Box<MessageTemplate>,
    },
}

/// All that a run sends, in turn.
pub(crate) struct Calls {
    turns: Vec<Turn>,
    /// Method and address of each, for reports.
    names: Vec<Arc<str>>,
    data: Option<Arc<Data>>,
}

impl Calls {
    /// The plan's requests, and the origins that they go to.
    pub(crate) fn new(
        plan: &Plan,
        drafts: Vec<Draft>,
    ) -> Result<(Self, Vec<Target>), hyper::http::Error> {
        let mut origins: Vec<Target> = Vec::new();
        let mut turns = Vec::with_capacity(drafts.len());
        let names = plan.names();
        for draft in drafts {
            let target = &draft.message().target;
            let known = origins
                .iter()
                .position(|known| known.has_same_origin(target));
            let origin = known.unwrap_or_else(|| {
                origins.push(target.clone());
                origins.len() - 1
            });
            turns.push(match draft {
                Draft::Fixed(message) => Turn::Fixed(Outgoing::new(message, origin, plan)?),
                Draft::Template(template) => Turn::Template {
                    origin,
                    template: Box::new(template),
                },
            });
        }
        let data = plan.data.clone();
        Ok((Self { turns, names, data }, origins))
    }

    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The place of what is sent when it is this turn.
    pub(crate) fn place(&self, turn: u64) -> usize {
        match self.turns.len() as u64 {
            1 => 0,
            several => (turn % several) as usize,
        }
    }

    pub(crate) fn at(&self, place: usize) -> &Turn {
        &self.turns[place]
    }

    /// Fills a template in, for the request with this number.
    pub(crate) fn fill(
        &self,
        template: &MessageTemplate,
        number: u64,
        random: &RefCell<fastrand::Rng>,
    ) -> Message {
        let (mut random, none) = (random.borrow_mut(), csv::StringRecord::new());
        let row = self
            .data
            .as_ref()
            .map_or(&none, |data| data.row(number, &mut random));
        template.fill(&mut Values {
            number,
            row,
            random: &mut random,
        })
    }
}
