//! The alert intake: takes alerts in over HTTP, says what they are, and answers at once.
//!
//! It waits for nobody: an accepted alert goes to the [`SignalInbox`], and the answer is sent
//! whatever the cloud does (guarantee G12). It never decides.

mod authentication;
mod classify;
mod payload;
mod routes;

pub use authentication::{Authentication, Hmac, PasswordLogin};
pub use classify::{Alert, Ignored, Intake, classify};
pub use payload::PayloadError;
pub use routes::{IntakeState, configure};

/// The largest body taken, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
