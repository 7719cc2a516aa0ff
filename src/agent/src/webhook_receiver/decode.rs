//! Bytes to text: undoes what a sender's library may do to a JSON document on its way.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use super::{MAX_BODY, PayloadError};

/// Undoes gzip and zlib, byte order marks, UTF-16 and Latin-1. The content tells which: senders
/// forget the headers.
pub(super) fn text(body: &[u8]) -> Result<Cow<'_, str>, PayloadError> {
    if body.starts_with(&[0x1f, 0x8b]) {
        return inflate(MultiGzDecoder::new(body));
    }
    // The two bytes of a zlib header (RFC 1950, 2.2). No JSON object starts with them.
    if let [method, flags, ..] = *body
        && method & 0x0f == 8
        && u16::from_be_bytes([method, flags]) % 31 == 0
    {
        return inflate(ZlibDecoder::new(body));
    }
    Ok(plain(body))
}

/// Decompresses no more than a body may have: a small body can hold a large one.
fn inflate(packed: impl Read) -> Result<Cow<'static, str>, PayloadError> {
    let mut body = Vec::new();
    let limit = MAX_BODY as u64 + 1;
    packed
        .take(limit)
        .read_to_end(&mut body)
        .map_err(|source: io::Error| PayloadError::Compressed { source })?;
    if body.len() > MAX_BODY {
        return Err(PayloadError::TooLarge);
    }
    Ok(Cow::Owned(plain(&body).into_owned()))
}

fn plain(body: &[u8]) -> Cow<'_, str> {
    match *body {
        [0xef, 0xbb, 0xbf, ref rest @ ..] => utf8_or_latin1(rest),
        [0xff, 0xfe, ref rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, ref rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        // Without a mark: JSON starts with two ASCII characters, so a zero beside one is UTF-16.
        [first, 0, ..] if first != 0 => Cow::Owned(utf16(body, u16::from_le_bytes)),
        [0, second, ..] if second != 0 => Cow::Owned(utf16(body, u16::from_be_bytes)),
        _ => utf8_or_latin1(body),
    }
}

fn utf8_or_latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        // In Latin-1 each byte is the character of the same number.
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| unit(pair));
    let half = (!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER);
    char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .chain(half)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{
        Compression,
        write::{GzEncoder, ZlibEncoder},
    };

    use super::*;

    const JSON: &str = r#"{"status":"resolved","title":"Kühler"}"#;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn units(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn each_form_of_a_text_is_read() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(JSON.as_bytes()).unwrap();
        let latin1: Vec<u8> = JSON.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let marked = [&[0xef, 0xbb, 0xbf], JSON.as_bytes()].concat();
        let forms = [
            ("UTF-8", JSON.as_bytes().to_vec()),
            ("UTF-8 with a mark", marked.clone()),
            ("Latin-1", latin1.clone()),
            ("UTF-16 LE", units(JSON, u16::to_le_bytes)),
            ("UTF-16 BE", units(JSON, u16::to_be_bytes)),
            (
                "UTF-16 LE with a mark",
                units(&format!("\u{feff}{JSON}"), u16::to_le_bytes),
            ),
            (
                "UTF-16 BE with a mark",
                units(&format!("\u{feff}{JSON}"), u16::to_be_bytes),
            ),
            ("gzip", gzip(JSON.as_bytes())),
            ("gzip of UTF-8 with a mark", gzip(&marked)),
            ("gzip of Latin-1", gzip(&latin1)),
            ("zlib", zlib.finish().unwrap()),
        ];
        for (form, bytes) in forms {
            assert_eq!(text(&bytes).unwrap(), JSON, "{form}");
        }
    }

    #[test]
    fn a_bomb_is_too_large_and_broken_data_is_said_to_be() {
        let bomb = gzip(&vec![b' '; 4 * MAX_BODY]);
        assert!(bomb.len() < 100_000);
        assert!(matches!(text(&bomb), Err(PayloadError::TooLarge)));
        let whole = gzip(JSON.as_bytes());
        for broken in [&whole[..10], &whole[..whole.len() - 3], &[0x1f, 0x8b]] {
            assert!(matches!(text(broken), Err(PayloadError::Compressed { .. })));
        }
    }

    #[test]
    fn half_a_character_is_no_end_of_the_text() {
        let mut odd = units(JSON, u16::to_le_bytes);
        odd.push(b'x');
        assert!(text(&odd).unwrap().ends_with(char::REPLACEMENT_CHARACTER));
    }
}
