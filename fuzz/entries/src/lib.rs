//! Entries for fuzzing: bytes from outside in, and nothing may panic, hang or be believed by
//! mistake.
//!
//! The targets in `fuzz/` call these with what libFuzzer invents, and a test calls them with every
//! file of the corpus.

#![allow(
    clippy::missing_panics_doc,
    reason = "a target finds something by a panic"
)]

use ::policy::{Direction, Size};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use agent::{
    Token, settings,
    webhook_receiver::{
        Alert, Authentication, Conventions, Hmac, PasswordLogin, Pools, classify_body,
    },
};
use exoscale::{
    secret::ApiSecret,
    signature::{self, SignedRequest},
};
use instance_data::Document;
use jiff::Timestamp;

/// A target: its name and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 7] = [
    ("webhook_body", webhook_body),
    ("direction_body", direction_body),
    ("signature_header", signature_header),
    ("user_data", user_data),
    ("settings", settings),
    ("local_cloud_request", local_cloud_request),
    ("response", response),
];

fn conventions() -> Conventions {
    let pools = [[("pool", "web")], [("team", "shop")]].map(|labels| {
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let severity = "0.95: 150%".parse().expect("a table");
        (labels.into(), severity)
    });
    Conventions {
        direction_label: "scale".to_owned(),
        value_name: "A".to_owned(),
        pools: Pools::by_labels(pools).expect("few labels"),
    }
}

/// A body on `/webhook`.
pub fn webhook_body(body: &[u8]) {
    let Ok(found) = classify_body(None, body, &conventions()) else {
        return;
    };
    for found in found {
        let most = found.at_least.unwrap_or(Size(0));
        assert!(most <= Size(10_000), "no pool has {most} members");
    }
}

/// A body on `/up` or `/down`: only one that says that it fires is an alarm (guarantee G3).
pub fn direction_body(body: &[u8]) {
    for path in [Direction::Up, Direction::Down] {
        let Ok(found) = classify_body(Some(path), body, &conventions()) else {
            continue;
        };
        let mut alerts = found.iter().flat_map(|found| &found.alerts);
        let is_alarm = alerts.any(|alert| matches!(alert, Alert::Firing(_)));
        // Compressed or escaped, the word is not there to be seen.
        let is_plain = body.is_ascii() && !body.contains(&b'\\') && !body.starts_with(&[0x78]);
        if is_alarm && is_plain && !body.is_empty() {
            let text = String::from_utf8_lossy(body).to_lowercase();
            let says_so = ["firing", "alerting"]
                .iter()
                .any(|word| text.contains(word));
            assert!(says_so, "an alarm that does not say so: {text}");
        }
    }
}

/// What a sender shows of itself: the header's value, a newline, the body. Nobody here knows a
/// secret.
pub fn signature_header(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (header, body) = bytes.split_at(end.unwrap_or(bytes.len()));
    let Ok(value) = HeaderValue::from_bytes(header) else {
        return;
    };
    let secret = || Token::new("f4a0d3c9-not-to-be-guessed-6b1e");
    let authentication = Authentication {
        bearer: Some(secret()),
        basic: Some(PasswordLogin {
            user: "grafana".to_owned(),
            password: secret(),
        }),
        hmac: Some(Hmac {
            secret: secret(),
            header: "x-signature".to_owned(),
            timestamp_header: Some("x-time".to_owned()),
        }),
    };
    let mut headers = HeaderMap::new();
    for name in ["x-signature", "x-time"] {
        headers.insert(HeaderName::from_static(name), value.clone());
    }
    headers.insert(AUTHORIZATION, value);
    let now = Timestamp::UNIX_EPOCH;
    assert!(!authentication.admits(&headers, body, now), "let in");
}

/// The document that an instance finds in its user-data.
pub fn user_data(text: &[u8]) {
    let _ = Document::parse(text);
}

/// A settings file.
pub fn settings(text: &[u8]) {
    if let Ok(text) = std::str::from_utf8(text) {
        let _ = settings::load_text("fuzz", text);
    }
}

/// What a client sends to the local cloud: a tunnel's request, a signed query, a JSON body.
pub fn local_cloud_request(bytes: &[u8]) {
    local_cloud::read_anything(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let (header, query) = text.split_once('\n').unwrap_or((text, ""));
        let query = signature::query_arguments(query);
        let request = SignedRequest {
            method: "GET",
            path: "/v2/instance",
            query: &query,
            body: bytes,
        };
        let secret = |_: &str| "another-secret-that-nobody-knows".parse::<ApiSecret>().ok();
        let verified = signature::verify(Some(header), request, secret, 1_000);
        assert!(verified.is_err(), "a signature without the secret");
    }
}

/// What a server answers to the load generator: wherever the bytes are cut, they mean the same.
pub fn response(bytes: &[u8]) {
    for to_head in [false, true] {
        let whole = loadtest::parse_response([bytes], to_head);
        for part in [3, 2] {
            let (first, rest) = bytes.split_at(bytes.len() / part);
            let cut = loadtest::parse_response([first, rest], to_head);
            assert_eq!(whole, cut, "cut after {} bytes", first.len());
        }
    }
}
