//! AWS Signature Version 4 on the server's side, in the `Authorization` header and in the query.
//!
//! Pure: the clock and the keys come from the caller. A region of any name is taken, since clients
//! of SOS are set up with the zone's name, with `us-east-1` and with others.
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html>

use std::fmt::Write as _;

use exoscale::secret::ApiSecret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{civil::DateTime, tz::TimeZone};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::error::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far apart the clocks of client and server may be.
const SKEW_S: i64 = 15 * 60;

/// The longest that a presigned URL may be valid.
const LONGEST_S: i64 = 7 * 24 * 3600;

/// What is written as it is; all else is percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// What the signature covers of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// As it is on the wire.
    pub(crate) path: &'a str,
    /// Decoded, in the order of the wire.
    pub(crate) query: &'a [(String, String)],
    /// Names in lower case, in the order of the wire.
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    fn argument(&self, name: &str) -> Option<&'a str> {
        let mut found = self.query.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

/// What a request says of its signature.
struct Claim<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    date: &'a str,
    /// The payload's hash as it goes into the signature.
    payload: &'a str,
    /// Seconds, of a presigned URL.
    expires: Option<i64>,
}

/// Checks who signed a request; gives the key. `now` is in seconds since 1970.
pub(crate) fn verify(
    request: Request<'_>,
    secret_of: impl FnOnce(&str) -> Option<ApiSecret>,
    now: i64,
) -> Result<&str, Refusal> {
    let in_query = request.argument("X-Amz-Algorithm").is_some();
    let (claim, malformed) = if in_query {
        (in_the_query(request)?, Refusal::MalformedQuerySignature)
    } else {
        (in_the_header(request)?, Refusal::MalformedAuthorization)
    };
    let parts: Vec<&str> = claim.credential.split('/').collect();
    let &[key, day, region, "s3", "aws4_request"] = parts.as_slice() else {
        return Err(malformed);
    };
    let time = seconds(claim.date).ok_or(malformed)?;
    if !claim.date.starts_with(day) || day.len() != 8 {
        return Err(malformed);
    }
    let secret = secret_of(key).ok_or(Refusal::UnknownKey)?;
    let canonical = canonical(request, &claim, in_query)?;
    let scope = format!("{day}/{region}/s3/aws4_request");
    let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{}", claim.date, hash(&canonical));
    let seed = [b"AWS4", secret.expose()].concat();
    let key_of = |key: &[u8], part: &str| mac(key, part.as_bytes());
    let signing = ["s3", "aws4_request"]
        .iter()
        .fold(key_of(&key_of(&seed, day), region), |key, part| {
            key_of(&key, part)
        });
    let expected = hex(&mac(&signing, to_sign.as_bytes()));
    if !bool::from(expected.as_bytes().ct_eq(claim.signature.as_bytes())) {
        return Err(Refusal::SignatureDoesNotMatch);
    }
    check_time(&claim, time, now)?;
    check_payload(request, claim.payload)?;
    Ok(key)
}

/// After the signature, so that nobody without the secret learns anything from the difference.
fn check_time(claim: &Claim<'_>, time: i64, now: i64) -> Result<(), Refusal> {
    match claim.expires {
        Some(expires) if now > time.saturating_add(expires) => Err(Refusal::Expired),
        Some(_) if time > now.saturating_add(SKEW_S) => Err(Refusal::NotValidYet),
        None if time.abs_diff(now) > SKEW_S.unsigned_abs() => Err(Refusal::RequestTimeTooSkewed),
        _ => Ok(()),
    }
}

fn check_payload(request: Request<'_>, payload: &str) -> Result<(), Refusal> {
    match payload {
        "UNSIGNED-PAYLOAD" => Ok(()),
        streaming if streaming.starts_with("STREAMING-") => Err(Refusal::NotImplemented),
        hashed if hashed.eq_ignore_ascii_case(&hash(request.body)) => Ok(()),
        _ => Err(Refusal::ContentHashMismatch),
    }
}

fn in_the_header(request: Request<'_>) -> Result<Claim<'_>, Refusal> {
    let header = request
        .header("authorization")
        .ok_or(Refusal::AccessDenied)?;
    let parts = header
        .strip_prefix(ALGORITHM)
        .and_then(|rest| rest.strip_prefix(' '))
        .ok_or(Refusal::MalformedAuthorization)?;
    let part = |name: &str| {
        let mut parts = parts.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let malformed = Refusal::MalformedAuthorization;
    let claim = Claim {
        credential: part("Credential").ok_or(malformed)?,
        signed_headers: part("SignedHeaders").ok_or(malformed)?,
        signature: part("Signature").ok_or(malformed)?,
        date: request.header("x-amz-date").ok_or(Refusal::AccessDenied)?,
        payload: request
            .header("x-amz-content-sha256")
            .ok_or(Refusal::InvalidArgument)?,
        expires: None,
    };
    let signed: Vec<&str> = claim.signed_headers.split(';').collect();
    let needed = |name: &str| name == "host" || name.starts_with("x-amz-");
    let mut headers = request.headers.iter().map(|(name, _)| name.as_str());
    if headers.any(|name| needed(name) && !signed.contains(&name)) {
        return Err(Refusal::UnsignedHeaders);
    }
    Ok(claim)
}

fn in_the_query(request: Request<'_>) -> Result<Claim<'_>, Refusal> {
    let malformed = Refusal::MalformedQuerySignature;
    let argument = |name| request.argument(name).ok_or(malformed);
    if argument("X-Amz-Algorithm")? != ALGORITHM {
        return Err(malformed);
    }
    let expires = argument("X-Amz-Expires")?;
    let expires: i64 = expires.parse().map_err(|_| malformed)?;
    if !(1..=LONGEST_S).contains(&expires) {
        return Err(malformed);
    }
    let claim = Claim {
        credential: argument("X-Amz-Credential")?,
        signed_headers: argument("X-Amz-SignedHeaders")?,
        signature: argument("X-Amz-Signature")?,
        date: argument("X-Amz-Date")?,
        payload: request
            .header("x-amz-content-sha256")
            .unwrap_or("UNSIGNED-PAYLOAD"),
        expires: Some(expires),
    };
    if !claim.signed_headers.split(';').any(|name| name == "host") {
        return Err(malformed);
    }
    Ok(claim)
}

/// The request in the form that is signed.
fn canonical(request: Request<'_>, claim: &Claim<'_>, in_query: bool) -> Result<Vec<u8>, Refusal> {
    let decoded = percent_decode_str(request.path)
        .decode_utf8()
        .map_err(|_| Refusal::SignatureDoesNotMatch)?;
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let mut query: Vec<(String, String)> = request
        .query
        .iter()
        .filter(|(name, _)| !(in_query && name == "X-Amz-Signature"))
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    query.sort_unstable();
    let query: Vec<String> = query
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let path = utf8_percent_encode(&decoded, ENCODED_IN_PATH);
    let mut text = format!("{}\n{path}\n{}\n", request.method, query.join("&"));
    for name in claim.signed_headers.split(';') {
        let values = request.headers.iter().filter(|(known, _)| known == name);
        let values: Vec<String> = values
            .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}:{}", values.join(","));
    }
    let _ = write!(text, "\n{}\n{}", claim.signed_headers, claim.payload);
    Ok(text.into_bytes())
}

/// `20130524T000000Z` in seconds since 1970.
fn seconds(date: &str) -> Option<i64> {
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    Some(TimeZone::UTC.to_timestamp(time).ok()?.as_second())
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn hash(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn secret(key: &str) -> Option<ApiSecret> {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        (key == KEY).then(|| secret.parse().unwrap())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// 2013-05-24 00:00:00.
    const THEN: i64 = 1_369_353_600;

    /// The examples of Amazon's own documentation.
    #[test]
    fn the_documented_requests_are_let_in() {
        let authorization = "AWS4-HMAC-SHA256 \
            Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
            SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,\
            Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        let headers = pairs(&[
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", EMPTY),
            ("x-amz-date", "20130524T000000Z"),
            ("authorization", authorization),
        ]);
        let get = Request {
            method: "GET",
            path: "/test.txt",
            query: &[],
            headers: &headers,
            body: b"",
        };
        assert_eq!(verify(get, secret, THEN), Ok(KEY));
        assert_eq!(verify(get, secret, THEN + 900), Ok(KEY));
        let skewed = Err(Refusal::RequestTimeTooSkewed);
        assert_eq!(verify(get, secret, THEN + 901), skewed);
        assert_eq!(verify(get, secret, THEN - 901), skewed);
        assert_eq!(verify(get, |_| None, THEN), Err(Refusal::UnknownKey));
        let changed = Request {
            path: "/test.tx",
            ..get
        };
        let wrong = Err(Refusal::SignatureDoesNotMatch);
        assert_eq!(verify(changed, secret, THEN), wrong);
        let swapped = Request { body: b"x", ..get };
        let mismatch = Err(Refusal::ContentHashMismatch);
        assert_eq!(verify(swapped, secret, THEN), mismatch);
        let more = [headers.clone(), pairs(&[("x-amz-acl", "public-read")])].concat();
        let more = Request {
            headers: &more,
            ..get
        };
        assert_eq!(verify(more, secret, THEN), Err(Refusal::UnsignedHeaders));
    }

    #[test]
    fn a_presigned_url_is_let_in_while_it_is_valid() {
        let query = pairs(&[
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            (
                "X-Amz-Credential",
                "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request",
            ),
            ("X-Amz-Date", "20130524T000000Z"),
            ("X-Amz-Expires", "86400"),
            ("X-Amz-SignedHeaders", "host"),
            (
                "X-Amz-Signature",
                "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
            ),
        ]);
        let get = Request {
            method: "GET",
            path: "/test.txt",
            query: &query,
            headers: &pairs(&[("host", "examplebucket.s3.amazonaws.com")]),
            body: b"",
        };
        assert_eq!(verify(get, secret, THEN), Ok(KEY));
        assert_eq!(verify(get, secret, THEN + 86_400), Ok(KEY));
        assert_eq!(verify(get, secret, THEN + 86_401), Err(Refusal::Expired));
        assert_eq!(verify(get, secret, THEN - 901), Err(Refusal::NotValidYet));
        for index in 0..query.len() {
            let mut less = query.clone();
            less.remove(index);
            let less = Request {
                query: &less,
                ..get
            };
            assert!(verify(less, secret, THEN).is_err(), "{index}");
        }
    }
}
