//! Asynchronous operations: what was asked for, and how it ended.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
};

use exoscale::{
    ids::OperationId,
    models::{Operation, OperationState, Reference},
};
use uuid::Uuid;

/// Operations kept; the oldest is forgotten first. A client polls for seconds, not for days.
const KEPT: usize = 10_000;

/// Why an operation failed: a word from the API's list, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationFailure {
    pub(crate) reason: Cow<'static, str>,
    pub(crate) message: String,
}

/// All operations of one local cloud.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    by_id: HashMap<OperationId, Operation>,
    order: VecDeque<OperationId>,
}

impl Operations {
    /// A new pending operation about a resource: `kind` is its path, such as `instance-pool`.
    pub(crate) fn begin(&mut self, kind: &str, id: Uuid) -> Operation {
        self.begin_at(id, format!("/v2/{kind}/{id}"), format!("get-{kind}"))
    }

    /// As [`Self::begin`], for a resource that lives under another one's path.
    pub(crate) fn begin_at(&mut self, id: Uuid, link: String, command: String) -> Operation {
        let operation = Operation {
            id: OperationId::random(),
            state: OperationState::Pending,
            reason: None,
            message: None,
            reference: Some(Reference {
                id,
                link: Some(link),
                command: Some(command),
            }),
        };
        self.order.push_back(operation.id);
        self.by_id.insert(operation.id, operation.clone());
        while self.order.len() > KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
        operation
    }

    /// Ends an operation.
    pub(crate) fn finish(&mut self, id: OperationId, outcome: Result<(), OperationFailure>) {
        let Some(operation) = self.by_id.get_mut(&id) else {
            return;
        };
        match outcome {
            Ok(()) => operation.state = OperationState::Success,
            Err(failure) => {
                operation.state = OperationState::Failure;
                operation.reason = Some(failure.reason.into_owned());
                operation.message = Some(failure.message);
            }
        }
    }

    /// The last ones, the oldest first.
    pub(crate) fn last(&self, count: usize) -> Vec<Operation> {
        let order = self.order.iter().rev().take(count).rev();
        order.filter_map(|id| self.by_id.get(id)).cloned().collect()
    }

    pub(crate) fn get(&self, id: OperationId) -> Option<&Operation> {
        self.by_id.get(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_goes_from_pending_to_its_outcome() {
        let mut operations = Operations::default();
        let id = operations.begin("instance-pool", Uuid::new_v4()).id;
        assert_eq!(operations.get(id).unwrap().state, OperationState::Pending);

        operations.finish(
            id,
            Err(OperationFailure {
                reason: "interrupted".into(),
                message: "deleted meanwhile".to_owned(),
            }),
        );
        let operation = operations.get(id).unwrap();
        assert_eq!(operation.state, OperationState::Failure);
        assert_eq!(operation.reason.as_deref(), Some("interrupted"));
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut operations = Operations::default();
        let first = operations.begin("instance-pool", Uuid::new_v4()).id;
        for _ in 0..KEPT {
            operations.begin("instance-pool", Uuid::new_v4());
        }
        assert_eq!(operations.get(first), None);
        assert_eq!(operations.by_id.len(), KEPT);
    }
}
