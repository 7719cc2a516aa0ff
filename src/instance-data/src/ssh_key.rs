//! Lines of `authorized_keys`: sshd(8) describes them, RFC 4253 (section 6.6), RFC 5656 (3.1), RFC
//! 8709 (4) and OpenSSH's PROTOCOL.u2f the data. sshd itself only logs a line that it does not
//! understand, and the owner is locked out.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Types of key that sshd takes, each with what its data holds after the type's own name.
const TYPES: [(&str, &[Part]); 7] = [
    ("ssh-ed25519", &[Part::Bytes(32)]),
    ("ssh-rsa", &[Part::AnyOf(1, 8), Part::AnyOf(128, 2_049)]),
    (
        "ecdsa-sha2-nistp256",
        &[Part::Text("nistp256"), Part::Bytes(65)],
    ),
    (
        "ecdsa-sha2-nistp384",
        &[Part::Text("nistp384"), Part::Bytes(97)],
    ),
    (
        "ecdsa-sha2-nistp521",
        &[Part::Text("nistp521"), Part::Bytes(133)],
    ),
    (
        "sk-ssh-ed25519@openssh.com",
        &[Part::Bytes(32), Part::AnyOf(1, 255)],
    ),
    (
        "sk-ecdsa-sha2-nistp256@openssh.com",
        &[Part::Text("nistp256"), Part::Bytes(65), Part::AnyOf(1, 255)],
    ),
];

/// One part of a key's data.
#[derive(Clone, Copy)]
enum Part {
    Text(&'static str),
    /// So many bytes.
    Bytes(usize),
    /// From so many bytes to so many.
    AnyOf(usize, usize),
}

impl Part {
    fn is(self, bytes: &[u8]) -> bool {
        match self {
            Self::Text(text) => bytes == text.as_bytes(),
            Self::Bytes(length) => bytes.len() == length,
            Self::AnyOf(least, most) => (least..=most).contains(&bytes.len()),
        }
    }
}

/// What is wrong with a line; never a part of it, which may be a secret in the wrong place.
pub(super) fn problem(line: &str) -> Option<&'static str> {
    let line = line.trim();
    if line.contains("PRIVATE KEY") {
        return Some("is a private key; give the public one, from the file that ends in .pub");
    }
    if line.contains(char::is_control) {
        return Some("must be one line");
    }
    if line.starts_with('#') {
        return Some("is a comment");
    }
    // A type of key is no option, so a line that does not begin with one has options before it.
    let key = if kind_of(line).is_some() {
        line
    } else {
        after_options(line)
    };
    let Some((kind, parts)) = kind_of(key) else {
        return Some(
            "has no type of key: expected a line such as `ssh-ed25519 AAAA… name`, with the type \
             ssh-ed25519, ssh-rsa, ecdsa-sha2-… or sk-…",
        );
    };
    let Some(data) = key.split_whitespace().nth(1) else {
        return Some("has no data after the type of key");
    };
    let Ok(data) = BASE64_STANDARD.decode(data) else {
        return Some("has data that is not base64; was a part of it lost?");
    };
    let mut rest = data.as_slice();
    match take(&mut rest) {
        Some(inner) if inner == kind.as_bytes() => {}
        _ => return Some("has data of another type of key than the line says"),
    }
    let fits = |part: &Part| take(&mut rest).is_some_and(|bytes| part.is(bytes));
    if parts.iter().all(fits) && rest.is_empty() {
        None
    } else {
        Some("has data of the wrong length for its type of key; was a part of it lost?")
    }
}

fn kind_of(line: &str) -> Option<(&'static str, &'static [Part])> {
    let word = line.split_whitespace().next()?;
    TYPES.iter().copied().find(|(kind, _)| *kind == word)
}

/// The line without its options, which end at the first space outside quotes.
fn after_options(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    let end = line.find(|c: char| {
        let ends = c.is_whitespace() && !quoted;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or("", |end| line[end..].trim_start())
}

/// The next part of the data: its length in four bytes, then itself.
fn take<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = data.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (part, rest) = rest.split_at_checked(length)?;
    *data = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD9Hp8hcRZ3N4BHkXxJCVfLhH3H4OhCm3qjeVwIeOCN";

    fn line(kind: &str, inner: &str, parts: &[&[u8]]) -> String {
        let parts = [inner.as_bytes()].into_iter().chain(parts.iter().copied());
        let data: Vec<u8> = parts
            .flat_map(|part| {
                let length = u32::try_from(part.len()).unwrap().to_be_bytes();
                [&length, part].concat()
            })
            .collect();
        format!("{kind} {}", BASE64_STANDARD.encode(data))
    }

    #[test]
    fn keys_of_every_type_are_taken() {
        let point = |length| vec![4; length];
        let key = |kind: &str, parts: &[&[u8]]| line(kind, kind, parts);
        let keys = [
            ED25519.to_owned(),
            format!("{ED25519} me@example"),
            format!("  {ED25519} a longer name\n"),
            format!("no-pty,from=\"10.0.0.0/8, ::1\",command=\"echo \\\"hi there\\\"\" {ED25519}"),
            key("ssh-rsa", &[&[1, 0, 1], &[7; 257]]),
            key("ecdsa-sha2-nistp256", &[b"nistp256", &point(65)]),
            key("ecdsa-sha2-nistp384", &[b"nistp384", &point(97)]),
            key("ecdsa-sha2-nistp521", &[b"nistp521", &point(133)]),
            key("sk-ssh-ed25519@openssh.com", &[&[1; 32], b"ssh:"]),
            key(
                "sk-ecdsa-sha2-nistp256@openssh.com",
                &[b"nistp256", &point(65), b"ssh:"],
            ),
        ];
        for key in keys {
            assert_eq!(problem(&key), None, "{key}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let kind = "ssh-ed25519";
        let cases = [
            (String::new(), "no type of key"),
            ("hello".to_owned(), "no type of key"),
            ("hello world AAAA".to_owned(), "no type of key"),
            (format!("# {ED25519}"), "is a comment"),
            ("ssh-dss AAAA me".to_owned(), "no type of key"),
            (kind.to_owned(), "no data"),
            (format!("{kind} !"), "not base64"),
            (format!("{kind} AAAA"), "another type"),
            (ED25519[..ED25519.len() - 4].to_owned(), "wrong length"),
            (ED25519[..ED25519.len() - 1].to_owned(), "not base64"),
            (ED25519.replace("ssh-ed25519", "ssh-rsa"), "another type"),
            (line(kind, "ssh-rsa", &[&[1; 32]]), "another type"),
            (line(kind, kind, &[&[1; 31]]), "wrong length"),
            (line(kind, kind, &[&[1; 32], b"more"]), "wrong length"),
            (
                line("ssh-rsa", "ssh-rsa", &[&[3], &[7; 64]]),
                "wrong length",
            ),
            (format!("{ED25519}\n{ED25519}"), "must be one line"),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl".to_owned(),
                "private key",
            ),
        ];
        for (line, said) in cases {
            let problem = problem(&line).expect("it is no key");
            assert!(problem.contains(said), "{line}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line: String, kind in 0..TYPES.len(), data: Vec<u8>) {
            let _ = problem(&line);
            let kind = TYPES[kind].0;
            let _ = problem(&format!("{kind} {}", BASE64_STANDARD.encode(&data)));
            let _ = problem(&format!("{kind} {line}"));
        }
    }
}
