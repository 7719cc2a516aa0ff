//! What a sender of alerts shows: the other side of `authentication`.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use data_encoding::HEXLOWER;
use hmac::{KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use super::Authentication;

impl Authentication {
    /// The headers by which a request with this body is let in, and what they are called: the
    /// token, else the password, else the signature. Nothing where everyone is let in.
    pub fn proof(&self, body: &[u8], now: Timestamp) -> (&'static str, Vec<(String, String)>) {
        const AUTHORIZATION: &str = "authorization";
        let header = |name: &str, value: String| (name.to_owned(), value);
        if let Some(token) = &self.bearer {
            let value = format!("Bearer {}", token.expose());
            return ("the token", vec![header(AUTHORIZATION, value)]);
        }
        if let Some(login) = &self.basic {
            let pair = format!("{}:{}", login.user, login.password.expose());
            let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
            return ("the password", vec![header(AUTHORIZATION, value)]);
        }
        let Some(hmac) = &self.hmac else {
            return ("nothing to prove it", Vec::new());
        };
        let mut headers = Vec::new();
        // A key of any length will do.
        if let Ok(mut mac) = hmac::Hmac::<Sha256>::new_from_slice(hmac.secret.expose().as_bytes()) {
            if let Some(name) = &hmac.timestamp_header {
                let time = now.as_second().to_string();
                mac.update(time.as_bytes());
                mac.update(b":");
                headers.push(header(name, time));
            }
            mac.update(body);
            let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
            headers.push(header(&hmac.header, signature));
        }
        ("the signature", headers)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;
    use crate::{
        Token,
        webhook_receiver::{Hmac, PasswordLogin},
    };

    #[test]
    fn each_proof_is_let_in_and_none_of_another() {
        let hmac = |timestamp_header| Hmac {
            secret: Token::new("hush"),
            header: "X-Signature".to_owned(),
            timestamp_header,
        };
        let ways = [
            Authentication {
                bearer: Some(Token::new("hush")),
                ..Authentication::default()
            },
            Authentication {
                basic: Some(PasswordLogin {
                    user: "me".to_owned(),
                    password: Token::new("hush"),
                }),
                ..Authentication::default()
            },
            Authentication {
                hmac: Some(hmac(None)),
                ..Authentication::default()
            },
            Authentication {
                hmac: Some(hmac(Some("X-Time".to_owned()))),
                ..Authentication::default()
            },
        ];
        let (now, body) = (Timestamp::now(), b"{}");
        for (place, way) in ways.iter().enumerate() {
            let (_, shown) = way.proof(body, now);
            let headers: HeaderMap = shown
                .iter()
                .map(|(name, value)| {
                    let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                    (name, HeaderValue::from_str(value).unwrap())
                })
                .collect();
            for (other, checks) in ways.iter().enumerate() {
                let admits = checks.admits(&headers, body, now);
                assert_eq!(admits, place == other, "{place} shown to {other}");
            }
        }
    }
}
