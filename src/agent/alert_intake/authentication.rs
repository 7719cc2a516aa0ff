//! Who may send alerts. Every comparison of a secret takes the same time, right or wrong.

use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::agent::config::Token;

/// How old a signature's time may be, either way; Grafana's clock may differ from ours.
const MAX_SKEW: Duration = Duration::from_secs(300);

/// What a sender must show. Any one of those that are set is enough; none set lets everyone in.
#[derive(Clone, Debug, Default)]
pub struct Authentication {
    /// `Authorization: Bearer …`.
    pub bearer: Option<Token>,
    /// `Authorization: Basic …`.
    pub basic: Option<PasswordLogin>,
    /// Grafana's signature of the body.
    pub hmac: Option<Hmac>,
}

/// A user and a password.
#[derive(Clone, Debug)]
pub struct PasswordLogin {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Token,
}

/// Grafana's HMAC-SHA256 signature: hexadecimal, of the body, or of `TIME:BODY` when a time header
/// is configured
/// (<https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/#hmac-signature>).
#[derive(Clone, Debug)]
pub struct Hmac {
    /// The shared secret.
    pub secret: Token,
    /// The header with the signature.
    pub header: String,
    /// The header with the Unix time, where Grafana is set to send one.
    pub timestamp_header: Option<String>,
}

impl Authentication {
    /// Whether everyone is let in.
    pub fn is_open(&self) -> bool {
        self.bearer.is_none() && self.basic.is_none() && self.hmac.is_none()
    }

    /// Whether the body's content is needed to tell.
    pub fn needs_body(&self) -> bool {
        self.hmac.is_some()
    }

    /// Whether this request may send alerts.
    pub fn admits(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
        let shown = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let bearer = self.bearer.as_ref().is_some_and(|token| {
            let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
            shown.is_some_and(|shown| same(shown, token.expose()))
        });
        let basic = self.basic.as_ref().is_some_and(|login| {
            let shown = shown.and_then(|value| value.strip_prefix("Basic "));
            let expected = format!("{}:{}", login.user, login.password.expose());
            shown.is_some_and(|shown| same(shown, &BASE64_STANDARD.encode(expected)))
        });
        let hmac = self
            .hmac
            .as_ref()
            .is_some_and(|hmac| hmac.verifies(headers, body, now));
        self.is_open() || bearer || basic || hmac
    }
}

impl Hmac {
    fn verifies(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(signature) = text(&self.header).and_then(from_hex) else {
            return false;
        };
        let Ok(mut mac) = hmac::Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes())
        else {
            return false;
        };
        if let Some(name) = &self.timestamp_header {
            let Some(time) = text(name) else { return false };
            let is_recent = time
                .parse()
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .is_some_and(|sent| now.duration_since(sent).unsigned_abs() <= MAX_SKEW);
            if !is_recent {
                return false;
            }
            mac.update(time.as_bytes());
            mac.update(b":");
        }
        mac.update(body);
        mac.verify_slice(&signature).is_ok()
    }
}

fn same(shown: &str, expected: &str) -> bool {
    shown.as_bytes().ct_eq(expected.as_bytes()).into()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}
