//! What a plan sends, in turn.

use std::sync::Arc;

use crate::{
    message::{Call, Draft, Message},
    plan::{Plan, PlanError},
};

impl Plan {
    /// All that is sent, in turn.
    pub(crate) fn calls(&self) -> impl Iterator<Item = Call> {
        let first = Call {
            target: self.target.clone(),
            request: self.request.clone(),
        };
        std::iter::once(first).chain(self.more.iter().cloned())
    }

    /// Method and address of all that is sent, in turn.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        let name = |call: Call| format!("{} {}", call.request.method(), call.target).into();
        self.calls().map(name).collect()
    }

    /// The messages that are sent in turn, with what is filled in.
    pub(crate) fn drafts(&self) -> Result<Vec<Draft>, PlanError> {
        let data = self.data.as_deref();
        let draft = |call: Call| {
            let message = Message::new(&call, self.credentials.as_ref());
            Draft::new(message, data).map_err(|source| PlanError::Draft {
                call: format!("{} {}", call.request.method(), call.target),
                source,
            })
        };
        let drafts = self.calls().map(draft).collect::<Result<Vec<_>, _>>()?;
        match data {
            Some(data) if !drafts.iter().any(Draft::uses_data) => {
                Err(PlanError::DataUnused(data.named_columns()))
            }
            _ => Ok(drafts),
        }
    }
}
