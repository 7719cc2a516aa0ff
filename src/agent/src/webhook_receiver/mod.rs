//! The webhook receiver: takes alerts in over HTTP, says what they are, and answers at once.
//!
//! It waits for nobody: an accepted alert goes to the
//! [`SignalInbox`](super::signal_inbox::SignalInbox), and the answer is sent whatever the cloud
//! does (guarantee G12). It never decides.

mod authentication;
mod body;
mod browser;
mod classify;
mod decode;
mod json_walk;
mod payload;
mod pools;
mod proof;
mod routes;

pub use authentication::{Authentication, Hmac, PasswordLogin};
pub(crate) use browser::is_cross_site;
pub use browser::{HostNames, InvalidHost};
pub use classify::{Alert, Ask, Classified, Conventions, Ignored, Way, classify_body};
pub use payload::PayloadError;
pub use pools::{Pools, TooManyLabels};
pub(crate) use routes::{Receiver, ReceiverState, configure};

/// The largest body taken, in bytes. Alertmanager puts all alerts of a group into one, with all
/// their annotations, and does not repeat what was refused.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
