//! What a browser may do with an answer, and who may look at all.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::header::{HeaderMap, WWW_AUTHENTICATE},
    middleware::DefaultHeaders,
};
use jiff::Timestamp;
use parking_lot::RwLock;
use serde_json::json;

use crate::{control::ControlSettings, webhook_receiver::Authentication};

/// An answer is shown as it is: it loads nothing, runs nothing, and stands in no other page.
pub(super) const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Paths that are open whatever is set: whether the agent is well, and those that ask by
/// themselves.
const NO_READS: [&str; 5] = ["/healthz", "/up", "/down", "/webhook", "/control"];

/// The headers of every answer that does not have its own.
pub(super) fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("X-Frame-Options", "DENY"))
        .add(("Content-Security-Policy", NOTHING))
        .add(("Cross-Origin-Resource-Policy", "same-origin"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("Cache-Control", "no-store"))
}

/// Who may look.
#[derive(Clone, Debug)]
pub(crate) struct Reads {
    /// What a reader must show; `None` for nothing.
    authentication: Option<Arc<Authentication>>,
    /// Who gives orders may look, too.
    control: Arc<RwLock<ControlSettings>>,
}

impl Reads {
    pub(crate) fn new(
        are_protected: bool,
        authentication: Arc<Authentication>,
        control: Arc<RwLock<ControlSettings>>,
    ) -> Self {
        Self {
            control,
            authentication: are_protected.then_some(authentication),
        }
    }

    /// The answer to who may not see what is at this path. A path that is none is one of these,
    /// too.
    pub(super) fn refusal(&self, path: &str, headers: &HeaderMap) -> Option<HttpResponse> {
        let authentication = self.authentication.as_ref()?;
        if NO_READS.contains(&path)
            || authentication.admits(headers, b"", Timestamp::now())
            || self.control.read().admits(headers)
        {
            return None;
        }
        let mut answer = HttpResponse::Unauthorized();
        if authentication.bearer.is_some() {
            answer.append_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if authentication.basic.is_some() {
            answer.append_header((WWW_AUTHENTICATE, "Basic realm=\"autoscaler\""));
        }
        Some(answer.json(json!({
            "message": "this needs the token or the password; see `alerts.protect_reads` in the settings"
        })))
    }
}
