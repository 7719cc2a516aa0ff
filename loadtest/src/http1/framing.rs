//! The headers that frame a response's body.

use super::{error::ProtocolError, response::Visitor};

/// What says where a response's body ends (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    /// So many bytes; zero where there is no body.
    Length(u64),
    /// The chunked coding.
    Chunked,
    /// The connection's end.
    UntilClose,
}

/// The headers that say where a response ends and whether the connection lives on.
#[derive(Default)]
pub(super) struct Framing {
    pub(super) length: Option<u64>,
    /// Whether the last transfer coding is `chunked`; none without a coding.
    pub(super) chunked: Option<bool>,
    pub(super) close: bool,
    pub(super) keep_alive: bool,
}

impl Framing {
    pub(super) fn read(
        headers: &[httparse::Header<'_>],
        visitor: &mut impl Visitor,
    ) -> Result<Self, ProtocolError> {
        let mut framing = Self::default();
        let (mut is_coded, mut ends_chunked) = (false, false);
        for header in headers {
            match header.name.len() {
                14 if header.name.eq_ignore_ascii_case("content-length") => {
                    framing.length(header.value)?;
                }
                17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                    for token in tokens(header.value) {
                        // `identity` was the name of no coding (RFC 2616, 3.6); servers still send
                        // it.
                        is_coded |= !token.eq_ignore_ascii_case(b"identity");
                        ends_chunked = token.eq_ignore_ascii_case(b"chunked");
                    }
                }
                10 if header.name.eq_ignore_ascii_case("connection") => {
                    for token in tokens(header.value) {
                        framing.close |= token.eq_ignore_ascii_case(b"close");
                        framing.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                _ => {}
            }
            visitor.header(header.name, header.value);
        }
        framing.chunked = is_coded.then_some(ends_chunked);
        Ok(framing)
    }

    /// A length may be repeated, by a list or by several headers, when it is the same (RFC 9112,
    /// 6.3).
    fn length(&mut self, value: &[u8]) -> Result<(), ProtocolError> {
        for part in value.split(|byte| *byte == b',') {
            let digits = part.trim_ascii();
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Err(ProtocolError::Length);
            }
            let text = std::str::from_utf8(digits).map_err(|_| ProtocolError::Length)?;
            let length = text.parse().map_err(|_| ProtocolError::Length)?;
            if self.length.is_some_and(|other| other != length) {
                return Err(ProtocolError::Length);
            }
            self.length = Some(length);
        }
        Ok(())
    }
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
