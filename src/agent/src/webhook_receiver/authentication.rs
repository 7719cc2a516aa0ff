//! Who may send alerts. Every comparison of a secret takes the same time, right or wrong.

use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::config::Token;

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
    pub user: String,
    pub password: Token,
}

/// Grafana's HMAC-SHA256 signature: hexadecimal, of the body, or of `TIME:BODY` when a time header
/// is configured
/// (<https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/#hmac-signature>).
#[derive(Clone, Debug)]
pub struct Hmac {
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

    /// Whether there is something that a request without a body can show.
    pub fn protects_reads(&self) -> bool {
        self.bearer.is_some() || self.basic.is_some()
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
            let shown = shown.and_then(|value| credentials(value, "Bearer"));
            shown.is_some_and(|shown| same(shown, token.expose()))
        });
        let basic = self.basic.as_ref().is_some_and(|login| {
            let shown = shown.and_then(|value| credentials(value, "Basic"));
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

/// What follows the scheme, whose case does not matter (RFC 9110, 11.1).
fn credentials<'a>(value: &'a str, scheme: &str) -> Option<&'a str> {
    let (shown, credentials) = value.split_once(' ')?;
    shown.eq_ignore_ascii_case(scheme).then_some(credentials)
}

fn same(shown: &str, expected: &str) -> bool {
    shown.as_bytes().ct_eq(expected.as_bytes()).into()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&str, &str)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(header).collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn admits(authentication: &Authentication, pairs: &[(&str, &str)], body: &str) -> bool {
        authentication.admits(&headers(pairs), body.as_bytes(), at(1_700_000_000))
    }

    #[test]
    fn nothing_set_lets_everyone_in() {
        let open = Authentication::default();
        assert!(open.is_open() && admits(&open, &[], ""));
    }

    #[test]
    fn a_token() {
        let closed = Authentication {
            bearer: Some(Token::new("abc")),
            ..Authentication::default()
        };
        assert!(admits(&closed, &[("authorization", "Bearer abc")], ""));
        assert!(admits(&closed, &[("Authorization", "bearer abc")], ""));
        for wrong in [
            "Bearer abcd",
            "Bearer ab",
            "Bearer ",
            "Bearer",
            "abc",
            "Basic abc",
            "Bearer ABC",
        ] {
            assert!(!admits(&closed, &[("authorization", wrong)], ""), "{wrong}");
        }
        assert!(!admits(&closed, &[], ""));
    }

    #[test]
    fn a_password() {
        let closed = Authentication {
            basic: Some(PasswordLogin {
                user: "Aladdin".to_owned(),
                password: Token::new("opensesame"),
            }),
            ..Authentication::default()
        };
        let right = "Basic QWxhZGRpbjpvcGVuc2VzYW1l";
        assert!(admits(&closed, &[("authorization", right)], ""));
        for wrong in [
            "Basic QWxhZGRpbjpvcGVuc2VzYW1",
            "Basic QWxhZGRpbjo=",
            "Basic Aladdin:opensesame",
        ] {
            assert!(!admits(&closed, &[("authorization", wrong)], ""), "{wrong}");
        }
    }

    fn signed(timestamp_header: Option<&str>) -> Authentication {
        Authentication {
            hmac: Some(Hmac {
                secret: Token::new("Jefe"),
                header: "X-Signature".to_owned(),
                timestamp_header: timestamp_header.map(str::to_owned),
            }),
            ..Authentication::default()
        }
    }

    #[test]
    fn a_signature() {
        // RFC 4231, test case 2.
        let body = "what do ya want for nothing?";
        let right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let closed = signed(None);
        assert!(closed.needs_body());
        assert!(admits(&closed, &[("x-signature", right)], body));
        assert!(!admits(&closed, &[("x-signature", right)], "another body"));
        for wrong in ["", "5b", "5bd", "zz", &right[..62], &format!("{right}00")] {
            assert!(!admits(&closed, &[("x-signature", wrong)], body), "{wrong}");
        }
        assert!(!admits(&closed, &[], body));
        let in_capitals = right.to_uppercase();
        assert!(admits(&closed, &[("x-signature", &in_capitals)], body));
        let with_sign = right.replace("6a04", "6a+4");
        assert!(!admits(&closed, &[("x-signature", &with_sign)], body));
    }

    #[test]
    fn a_signature_with_its_time() {
        let closed = signed(Some("X-Time"));
        let sign = |time: &str| {
            let mut mac = hmac::Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
            mac.update(format!("{time}:body").as_bytes());
            let bytes = mac.finalize().into_bytes();
            HEXLOWER_PERMISSIVE.encode(&bytes)
        };
        let shown = |time: &str| {
            admits(
                &closed,
                &[("x-signature", &sign(time)), ("x-time", time)],
                "body",
            )
        };
        assert!(shown("1700000000") && shown("1699999700") && shown("1700000300"));
        for wrong in [
            "1699999699",
            "1700000301",
            "0",
            "-1",
            "soon",
            "",
            "99999999999999999999",
        ] {
            assert!(!shown(wrong), "{wrong}");
        }
        let other = sign("1700000001");
        let pairs = [("x-signature", other.as_str()), ("x-time", "1700000000")];
        assert!(!admits(&closed, &pairs, "body"), "the time is signed, too");
    }
}
