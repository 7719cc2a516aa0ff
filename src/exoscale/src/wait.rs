//! Waiting for an operation to end.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    calls::ApiCall,
    client::Client,
    error::{ClientError, ErrorKind},
    models::{Operation, OperationState},
    wording::tidy,
};

impl Client {
    /// Looks at an operation until it ends, with growing, jittered pauses, for `limit` at most.
    ///
    /// An operation that ended badly is [`ErrorKind::OperationFailed`]. One that is still running
    /// at the limit is [`ErrorKind::TimedOut`], which is ambiguous: it may yet succeed. So is any
    /// answer that ends the looking (404, 403): the order itself was taken. Passing trouble with
    /// the API (no connection, 429, 5xx, no budget) is waited out.
    pub async fn wait(
        &self,
        operation: Operation,
        limit: Duration,
    ) -> Result<Operation, ClientError> {
        let ended = tokio::time::timeout(limit, self.poll_until_ended(operation)).await;
        ended.unwrap_or_else(|_| {
            let kind = ErrorKind::TimedOut { after: limit };
            Err(self.transport.error_of(ApiCall::GetOperation, kind, true))
        })
    }

    async fn poll_until_ended(&self, mut operation: Operation) -> Result<Operation, ClientError> {
        let polling = self.transport.config().polling;
        let mut asked_pause = Duration::ZERO;
        for poll in 0.. {
            match operation.state {
                OperationState::Success => break,
                OperationState::Failure => return Err(self.failed(&operation, "unknown")),
                OperationState::Timeout => return Err(self.failed(&operation, "timeout")),
                OperationState::Pending | OperationState::Other(_) => {}
            }
            sleep(polling.poll_pause(poll, fastrand::f64()).max(asked_pause)).await;
            match self.get_operation(operation.id).await {
                Ok(seen) => (operation, asked_pause) = (seen, Duration::ZERO),
                Err(error) if error.is_retryable() => {
                    asked_pause = error.retry_after().unwrap_or_default();
                }
                Err(error) => {
                    return Err(ClientError {
                        ambiguous: true,
                        ..error
                    });
                }
            }
        }
        Ok(operation)
    }

    fn failed(&self, operation: &Operation, unsaid: &str) -> ClientError {
        let reason = tidy(operation.reason.as_deref().unwrap_or(unsaid));
        // These may have left a part of the change behind.
        let ambiguous = operation.state == OperationState::Timeout
            || matches!(reason.as_str(), "partial" | "interrupted" | "unknown");
        let message = tidy(operation.message.as_deref().unwrap_or_default());
        let kind = ErrorKind::OperationFailed { reason, message };
        self.transport
            .error_of(ApiCall::GetOperation, kind, ambiguous)
    }
}
