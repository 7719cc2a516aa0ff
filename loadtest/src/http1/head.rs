//! The status line and the headers of a response.

use std::mem::MaybeUninit;

use super::{
    error::{MAX_HEADERS, ProtocolError},
    framing::{BodyFraming, Framing},
    response::{Response, Visitor},
};

pub(super) enum Head {
    /// Of an interim response: the final one follows.
    Interim,
    Final {
        response: Response,
        framing: BodyFraming,
    },
}

impl Head {
    /// Reads a head, and says how many bytes it has; none when more bytes are needed. `bodiless`
    /// says that the request was HEAD.
    pub(super) fn read(
        bytes: &[u8],
        bodiless: bool,
        visitor: &mut impl Visitor,
    ) -> Result<Option<(Self, usize)>, ProtocolError> {
        let mut storage = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut []);
        let progress = httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut parsed, bytes, &mut storage)
            .map_err(|error| ProtocolError::of_head(error, bytes))?;
        let httparse::Status::Complete(used) = progress else {
            return Ok(None);
        };
        let status = parsed.code.unwrap_or(0);
        match status {
            0..100 => return Err(ProtocolError::Status),
            101 => return Err(ProtocolError::Switch),
            100..200 => return Ok(Some((Self::Interim, used))),
            _ => {}
        }
        let headers = Framing::read(parsed.headers, visitor)?;
        let modern = parsed.version == Some(1);
        let mut keep_alive = !headers.close && (modern || headers.keep_alive);
        let framing = if bodiless || matches!(status, 204 | 304) {
            BodyFraming::Length(0)
        } else {
            match (headers.chunked, headers.length) {
                // Such a response cannot be trusted to end where it says (RFC 9112, 6.1).
                (Some(_), _) if !modern => return Err(ProtocolError::OldCoding),
                (Some(true), length) => {
                    // A length beside a coding may be smuggling: the connection is not used again
                    // (RFC 9112, 6.3).
                    keep_alive &= length.is_none();
                    BodyFraming::Chunked
                }
                (None, Some(length)) => BodyFraming::Length(length),
                (Some(false), _) | (None, None) => BodyFraming::UntilClose,
            }
        };
        keep_alive &= framing != BodyFraming::UntilClose;
        let response = Response { status, keep_alive };
        Ok(Some((Self::Final { response, framing }, used)))
    }
}
