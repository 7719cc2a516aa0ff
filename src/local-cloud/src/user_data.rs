//! User-data, and whether it is this project's document (`docs/instance-data.md`).
//!
//! An image of this project reads its document and nothing else. Other people's configurations
//! bring other user-data, made for the programs of other images (cloud-init, Ignition). None of
//! these programs runs here, so such an instance boots as a plain server, and what was ignored is
//! logged and shown. A document of this project that holds a mistake is not ignored: the image
//! refuses it.

use std::io::Read as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};

/// Decompressed; the images read no more.
const MAX_PLAIN_BYTES: u64 = 1 << 20;

/// The first bytes of gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The fields of the document.
const FIELDS: [&str; 7] = [
    "version",
    "role",
    "ssh_authorized_keys",
    "agent",
    "grafana",
    "operator",
    "slow_app",
];

/// The kinds of instance that a document can be for.
const ROLES: [&str; 2] = ["slow-app", "monitoring"];

/// How user-data of other programs begins, after any white space.
const FORMATS: [(&str, &str); 11] = [
    ("#cloud-config-archive", "a cloud-config archive"),
    ("#cloud-config", "cloud-config"),
    ("#cloud-boothook", "a cloud-init boot hook"),
    ("#include", "a cloud-init include file"),
    ("#part-handler", "a cloud-init part handler"),
    ("#upstart-job", "an upstart job"),
    ("## template:", "a cloud-init template"),
    ("#!", "a script"),
    ("Content-Type: multipart/", "MIME multipart"),
    ("MIME-Version:", "MIME multipart"),
    ("From nobody", "MIME multipart"),
];

/// User-data as the API takes and answers it.
#[derive(Clone, Debug)]
pub(crate) struct UserData {
    base64: String,
    ignored: Option<String>,
}

impl UserData {
    /// `None` when the text is not base64.
    pub(crate) fn read(base64: String) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(&base64).ok()?;
        let ignored = foreign_kind(&bytes);
        Some(Self { base64, ignored })
    }

    pub(crate) fn base64(&self) -> &str {
        &self.base64
    }

    /// What it is, where no image of this project reads it.
    pub(crate) fn ignored(&self) -> Option<&str> {
        self.ignored.as_deref()
    }
}

/// `None` for this project's document, with or without a mistake in it.
fn foreign_kind(bytes: &[u8]) -> Option<String> {
    if !bytes.starts_with(&GZIP) {
        return foreign_plain_kind(bytes).map(str::to_owned);
    }
    let mut plain = Vec::new();
    let limited = MultiGzDecoder::new(bytes).take(MAX_PLAIN_BYTES + 1);
    match { limited }.read_to_end(&mut plain) {
        Ok(_) if plain.len() as u64 <= MAX_PLAIN_BYTES => {
            foreign_plain_kind(&plain).map(|kind| format!("{kind}, compressed"))
        }
        _ => Some("binary data".to_owned()),
    }
}

fn foreign_plain_kind(bytes: &[u8]) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Some("binary data");
    };
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return Some("empty");
    }
    if text.contains('\0') {
        return Some("binary data");
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(fields)) if is_document(&fields) => None,
        Ok(Value::Object(fields)) if fields.contains_key("ignition") => Some("Ignition"),
        Ok(Value::Object(_) | Value::Array(_)) => Some("JSON of another form"),
        Err(_) if is_broken_document(text) => None,
        Ok(_) | Err(_) => Some(text_kind(text)),
    }
}

fn text_kind(text: &str) -> &'static str {
    let begins_with = |start: &str| {
        let beginning = text.get(..start.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
    };
    let mut formats = FORMATS.iter();
    let format = formats.find(|(start, _)| begins_with(start));
    format.map_or("text of another form", |(_, kind)| kind)
}

/// Made for an image of this project: for one of its roles, or with its fields and no others.
fn is_document(fields: &Map<String, Value>) -> bool {
    let role = fields.get("role").and_then(Value::as_str);
    let is_ours = role.is_some_and(|role| ROLES.contains(&role));
    let has_head = ["version", "role", "slow_app"]
        .iter()
        .any(|field| fields.contains_key(*field));
    let has_only_ours = fields.keys().all(|field| FIELDS.contains(&field.as_str()));
    is_ours || (has_head && has_only_ours)
}

/// A slip of the pen in a document, such as a comma too many, does not make it another's.
fn is_broken_document(text: &str) -> bool {
    let names = |word: &str| text.contains(&format!("\"{word}\""));
    text.starts_with('{') && names("role") && (names("version") || ROLES.into_iter().any(names))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn ignored(bytes: &[u8]) -> Option<String> {
        let data = UserData::read(BASE64_STANDARD.encode(bytes)).unwrap();
        data.ignored().map(str::to_owned)
    }

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn user_data_of_other_programs_is_known_by_its_form() {
        let mime = "Content-Type: multipart/mixed; boundary=\"x\"\nMIME-Version: 1.0\n\n--x\n";
        for (text, kind) in [
            ("#cloud-config\npackage_upgrade: true\n", "cloud-config"),
            (
                "\n#cloud-config\nversion: 1\nrole: slow-app\n",
                "cloud-config",
            ),
            ("#!/bin/bash\necho '{\"role\": \"slow-app\"}'\n", "a script"),
            (r#"{"ignition":{"version":"3.4.0"}}"#, "Ignition"),
            (
                r#"{"version":"1","role":"web","packages":[]}"#,
                "JSON of another form",
            ),
            (
                r#"{"agent":{"url":"https://example.com"}}"#,
                "JSON of another form",
            ),
            ("{}", "JSON of another form"),
            ("[1,2]", "JSON of another form"),
            (mime, "MIME multipart"),
            (
                "mime-version: 1.0\ncontent-type: multipart/mixed\n",
                "MIME multipart",
            ),
            (
                "## template: jinja\n#cloud-config\n",
                "a cloud-init template",
            ),
            (
                "#include\nhttps://example.com/x\n",
                "a cloud-init include file",
            ),
            ("{{ not JSON }}", "text of another form"),
            ("hello, instance", "text of another form"),
            ("7", "text of another form"),
            (" \n", "empty"),
            ("a\0b", "binary data"),
        ] {
            assert_eq!(ignored(text.as_bytes()).as_deref(), Some(kind), "{text}");
            let smaller = ignored(&compressed(text.as_bytes()));
            assert_eq!(smaller, Some(format!("{kind}, compressed")), "{text}");
        }
        for bytes in [&[0xff, 0xfe, 0x00][..], &GZIP, &compressed(b"x")[..12]] {
            assert_eq!(ignored(bytes).as_deref(), Some("binary data"), "{bytes:?}");
        }
    }

    #[test]
    fn the_projects_own_document_is_not_ignored_whatever_is_wrong_with_it() {
        for text in [
            r#"{"version":1,"role":"slow-app"}"#,
            "\n\u{feff}{\"version\":1,\"role\":\"monitoring\",\"agent\":{}}",
            r#"{"version":2,"role":"slow-app"}"#,
            r#"{"version":1,"role":"king"}"#,
            r#"{"version":1}"#,
            r#"{"role":"slow-app","slow-app":{}}"#,
            r#"{"slow_app":{"work_ms":5}}"#,
            r#"{"version":1,"role":"slow-app","slow_app":{"wrk_ms":5}}"#,
            r#"{"version":1,"role":"slow-app",}"#,
            r#"{"role":"slow-app""#,
        ] {
            assert_eq!(ignored(text.as_bytes()), None, "{text}");
            assert_eq!(ignored(&compressed(text.as_bytes())), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_base64_is_no_user_data() {
        assert!(UserData::read("!".to_owned()).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = ignored(&bytes);
            let _ = ignored(&[&GZIP[..], &bytes].concat());
        }
    }
}
