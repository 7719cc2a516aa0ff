//! The request signature `EXO2-HMAC-SHA256`, made by the client and verified by the local cloud.
//!
//! Pure: the clock and the keys come from the caller. It keeps no state, so a captured request
//! can be repeated until it expires; that is a property of the scheme.
//! Source: <https://openapi-v2.exoscale.com>, "Request signature".

use std::{fmt::Write as _, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::secret::{ApiKey, ApiSecret};

/// How far ahead of now a request is signed to expire, as the official SDK does.
pub const VALIDITY: Duration = Duration::from_secs(600);

const SCHEME: &str = "EXO2-HMAC-SHA256";

/// What the signature covers of a request.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// The path as it is on the wire, percent-encoded, with the leading `/v2`.
    pub path: &'a str,
    /// The query arguments, decoded; see [`query_arguments`].
    pub query: &'a [(String, String)],
    /// The body, empty when there is none.
    pub body: &'a [u8],
}

/// Decodes the query part of a URL (without its `?`) into names and values, in order.
#[expect(clippy::missing_panics_doc, reason = "a constant URL parses")]
pub fn query_arguments(raw: &str) -> Vec<(String, String)> {
    // The `url` crate decodes queries as a part of URLs only.
    let mut url = reqwest::Url::parse("http://localhost/").expect("a constant URL");
    url.set_query(Some(raw));
    url.query_pairs().into_owned().collect()
}

/// The value of the `Authorization` header for a request that is valid until `expires`
/// (seconds since 1970).
///
/// Query arguments that occur once are signed; the scheme has no form for repeated ones.
pub fn sign(key: &ApiKey, secret: &ApiSecret, request: SignedRequest<'_>, expires: u64) -> String {
    let names = names_to_sign(request.query);
    let values: String = names
        .iter()
        .filter_map(|name| single(request.query, name))
        .collect();
    let signature = BASE64_STANDARD.encode(
        mac(secret, request, &values, expires)
            .finalize()
            .into_bytes(),
    );

    let mut header = format!("{SCHEME} credential={key}");
    if !names.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(header, ",signed-query-args={}", names.join(";"));
    }
    let _ = write!(header, ",expires={expires},signature={signature}");
    header
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No `Authorization` header.
    #[error("the Authorization header is missing")]
    Missing,
    /// A header that does not follow the scheme; says which part.
    #[error("the Authorization header is malformed: {0}")]
    Malformed(&'static str),
    /// A key that the server does not hold.
    #[error("the key {0:?} is unknown")]
    UnknownKey(String),
    /// Too late. Both in seconds since 1970.
    #[error("the signature expired at {expires}, it is {now} (is the sender's clock right?)")]
    Expired {
        /// When the signature ended.
        expires: u64,
        /// The server's clock.
        now: u64,
    },
    /// Another secret, or the request was changed on its way.
    #[error("the signature does not match the request")]
    WrongSignature,
}

/// Checks a request on the server's side: `authorization` is the header's value, `secret_of` finds
/// a key's secret, `now` is in seconds since 1970. Gives the name of the key that signed.
///
/// The signature is compared in constant time. Expiry is checked after it, so that nobody without
/// the secret learns anything from the difference.
pub fn verify<'h>(
    authorization: Option<&'h str>,
    request: SignedRequest<'_>,
    secret_of: impl FnOnce(&str) -> Option<ApiSecret>,
    now: u64,
) -> Result<&'h str, SignatureError> {
    let header = Header::parse(authorization.ok_or(SignatureError::Missing)?)?;
    let secret = secret_of(header.credential)
        .ok_or_else(|| SignatureError::UnknownKey(header.credential.to_owned()))?;

    let mut values = String::new();
    for name in &header.signed_query_args {
        values += single(request.query, name).ok_or(SignatureError::WrongSignature)?;
    }
    let expected = mac(&secret, request, &values, header.expires)
        .finalize()
        .into_bytes();
    if !bool::from(expected.as_slice().ct_eq(&header.signature)) {
        return Err(SignatureError::WrongSignature);
    }
    if header.expires <= now {
        return Err(SignatureError::Expired {
            expires: header.expires,
            now,
        });
    }
    Ok(header.credential)
}

/// The parts of an `Authorization` header.
struct Header<'h> {
    credential: &'h str,
    signed_query_args: Vec<&'h str>,
    expires: u64,
    signature: Vec<u8>,
}

impl<'h> Header<'h> {
    fn parse(text: &'h str) -> Result<Self, SignatureError> {
        use SignatureError::Malformed;

        let (scheme, rest) = text.split_once(' ').ok_or(Malformed("no parameters"))?;
        if scheme != SCHEME {
            return Err(Malformed("the scheme is not EXO2-HMAC-SHA256"));
        }
        let (mut credential, mut names, mut expires, mut signature) = (None, None, None, None);
        for parameter in rest.split(',') {
            let (name, value) = parameter
                .trim()
                .split_once('=')
                .ok_or(Malformed("a parameter without a value"))?;
            let place = match name {
                "credential" => &mut credential,
                "signed-query-args" => &mut names,
                "expires" => &mut expires,
                "signature" => &mut signature,
                _ => return Err(Malformed("an unknown parameter")),
            };
            if place.replace(value).is_some() {
                return Err(Malformed("a parameter that occurs twice"));
            }
        }
        Ok(Self {
            credential: credential
                .filter(|c| !c.is_empty())
                .ok_or(Malformed("no credential"))?,
            signed_query_args: names.map(|n| n.split(';').collect()).unwrap_or_default(),
            expires: expires
                .ok_or(Malformed("no expires"))?
                .parse()
                .map_err(|_| Malformed("expires is not a number of seconds"))?,
            signature: BASE64_STANDARD
                .decode(signature.ok_or(Malformed("no signature"))?)
                .map_err(|_| Malformed("the signature is not base64"))?,
        })
    }
}

/// The five parts of the signed text; the fourth stands for signed headers, of which there are
/// none.
fn mac(secret: &ApiSecret, request: SignedRequest<'_>, values: &str, expires: u64) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose()).expect("HMAC takes keys of any length");
    mac.update(request.method.as_bytes());
    mac.update(b" ");
    mac.update(request.path.as_bytes());
    mac.update(b"\n");
    mac.update(request.body);
    mac.update(b"\n");
    mac.update(values.as_bytes());
    mac.update(b"\n\n");
    mac.update(expires.to_string().as_bytes());
    mac
}

/// The sorted names of the arguments that occur once. Names that would break the header's list
/// stay unsigned.
fn names_to_sign(query: &[(String, String)]) -> Vec<&str> {
    let mut names: Vec<&str> = query
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !name.is_empty() && !name.contains([',', ';', '\r', '\n']))
        .filter(|name| single(query, name).is_some())
        .collect();
    names.sort_unstable();
    names
}

/// The value of an argument that occurs exactly once.
fn single<'q>(query: &'q [(String, String)], name: &str) -> Option<&'q str> {
    let mut values = query
        .iter()
        .filter(|(n, _)| n == name)
        .map(|(_, value)| value.as_str());
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXPIRES: u64 = 3_376_684_800;

    fn key() -> ApiKey {
        "EXOxxxxxxxxxxxxxxxxxxxxxxxx".parse().unwrap()
    }

    fn secret() -> ApiSecret {
        "X".repeat(43).parse().unwrap()
    }

    fn check(
        header: Option<&str>,
        request: SignedRequest<'_>,
        now: u64,
    ) -> Result<String, SignatureError> {
        verify(header, request, |k| (k == key().as_str()).then(secret), now).map(str::to_owned)
    }

    fn get(query: &[(String, String)]) -> SignedRequest<'_> {
        SignedRequest {
            method: "GET",
            path: "/v2/zone",
            query,
            body: b"",
        }
    }

    #[test]
    fn official_vector_without_arguments() {
        assert_eq!(
            sign(&key(), &secret(), get(&[]), EXPIRES),
            "EXO2-HMAC-SHA256 credential=EXOxxxxxxxxxxxxxxxxxxxxxxxx,expires=3376684800,\
             signature=Ntbq/p0HVmA3Zg1HHY+Lq1vjFGi7HeMrrgXDS5jRNlY="
        );
    }

    #[test]
    fn official_vector_with_arguments_in_any_order() {
        for raw in ["k1=v1&k2=v2", "k2=v2&k1=v1"] {
            assert_eq!(
                sign(&key(), &secret(), get(&query_arguments(raw)), EXPIRES),
                "EXO2-HMAC-SHA256 credential=EXOxxxxxxxxxxxxxxxxxxxxxxxx,signed-query-args=k1;k2,\
                 expires=3376684800,signature=iqOBz13+44L5j0uJclE8hmUhQQcvtCSoPEOXYK6liqY="
            );
        }
    }

    #[test]
    fn each_way_to_be_refused_has_its_error() {
        use SignatureError::{Expired, Malformed, Missing, UnknownKey, WrongSignature};
        let good = sign(&key(), &secret(), get(&[]), EXPIRES);
        assert_eq!(
            check(Some(&good), get(&[]), EXPIRES - 1).unwrap(),
            key().as_str()
        );
        assert_eq!(check(None, get(&[]), 0), Err(Missing));
        assert_eq!(
            check(Some(&good), get(&[]), EXPIRES),
            Err(Expired {
                expires: EXPIRES,
                now: EXPIRES
            })
        );
        let other = good.replace("EXOxxx", "EXOyyy");
        assert!(matches!(
            check(Some(&other), get(&[]), 0),
            Err(UnknownKey(_))
        ));
        let later = good.replace("expires=3", "expires=4");
        assert_eq!(check(Some(&later), get(&[]), 0), Err(WrongSignature));
        let absent = good.replace(",expires", ",signed-query-args=k1,expires");
        assert_eq!(check(Some(&absent), get(&[]), 0), Err(WrongSignature));
        for broken in [
            "",
            "Bearer x",
            "EXO2-HMAC-SHA256 ",
            "EXO2-HMAC-SHA256 credential=a",
            "EXO2-HMAC-SHA256 credential=a,expires=soon,signature=AAAA",
            "EXO2-HMAC-SHA256 credential=a,expires=1,signature=!",
            "EXO2-HMAC-SHA256 credential=a,credential=b,expires=1,signature=AAAA",
            "EXO2-HMAC-SHA256 credential=a,colour=red,expires=1,signature=AAAA",
        ] {
            assert!(
                matches!(check(Some(broken), get(&[]), 0), Err(Malformed(_))),
                "{broken}"
            );
        }
    }

    #[test]
    fn a_repeated_argument_is_left_unsigned() {
        let query = query_arguments("a=1&b=2&a=3");
        let header = sign(&key(), &secret(), get(&query), EXPIRES);
        assert!(header.contains(",signed-query-args=b,"), "{header}");
        assert!(check(Some(&header), get(&query), 0).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_a_change_does_not(
            method in "GET|PUT|POST|DELETE",
            path in "/v2/[a-z0-9:/%-]{0,40}",
            query in proptest::collection::vec(("[a-z-]{1,8}", "\\PC{0,12}"), 0..5),
            body in proptest::collection::vec(any::<u8>(), 0..64),
            expires in 1u64..u64::MAX,
            flipped in any::<proptest::sample::Index>(),
        ) {
            let request = SignedRequest { method: &method, path: &path, query: &query, body: &body };
            let header = sign(&key(), &secret(), request, expires);
            prop_assert!(check(Some(&header), request, expires - 1).is_ok());

            let other = [body.as_slice(), b"x"].concat();
            let changed = SignedRequest { body: &other, ..request };
            prop_assert_eq!(check(Some(&header), changed, 0), Err(SignatureError::WrongSignature));

            if !path.is_empty() {
                let mut bytes = path.clone().into_bytes();
                let at = flipped.index(bytes.len());
                bytes[at] = if bytes[at] == b'q' { b'w' } else { b'q' };
                let path = String::from_utf8(bytes).unwrap();
                let changed = SignedRequest { path: &path, ..request };
                prop_assert_eq!(check(Some(&header), changed, 0), Err(SignatureError::WrongSignature));
            }
        }

        #[test]
        fn no_header_panics(header in "\\PC{0,80}", tail in "[a-z0-9=,; -]{0,80}") {
            let _ = check(Some(&header), get(&[]), 0);
            let _ = check(Some(&format!("EXO2-HMAC-SHA256 {tail}")), get(&[]), 0);
        }
    }
}
