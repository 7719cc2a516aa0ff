//! One whole response at once: the decoder without a connection, for tools and fuzzers.

use super::{decoder::Decoder, error::ProtocolError, framing::BodyFraming, response::Visitor};

/// A response, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedResponse {
    /// The status of the final response; interim ones are passed over.
    pub status: u16,
    /// Its headers in order, with names as they were sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What says where the body ends.
    pub framing: BodyFraming,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
    /// The bytes that belong to the response; what follows them does not.
    pub used: usize,
}

#[derive(Default)]
struct Parts {
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Visitor for Parts {
    fn header(&mut self, name: &str, value: &[u8]) {
        self.headers.push((name.to_owned(), value.to_vec()));
    }

    fn body(&mut self, data: &[u8]) {
        self.body.extend_from_slice(data);
    }
}

/// Reads a response from bytes as a connection gives them: in pieces, after which it is closed.
///
/// The result does not depend on where the pieces are cut. `to_head` says that the request was
/// HEAD, whose responses have no body.
///
/// ```
/// let pieces: [&[u8]; 2] = [b"HTTP/1.1 200 OK\r\ncontent-le", b"ngth: 2\r\n\r\nhi, and more"];
/// let response = loadtest::parse_response(pieces, false)?;
/// assert_eq!((response.status, &*response.body, response.used), (200, &b"hi"[..], 40));
/// # Ok::<(), loadtest::ProtocolError>(())
/// ```
pub fn parse_response<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    to_head: bool,
) -> Result<ParsedResponse, ProtocolError> {
    let (mut decoder, mut parts, mut before) = (Decoder::new(to_head), Parts::default(), 0);
    let mut ended = None;
    for piece in pieces {
        if let Some((response, used)) = decoder.feed(piece, &mut parts)? {
            ended = Some((response, before + used));
            break;
        }
        before += piece.len();
    }
    let (response, used) = match ended {
        Some(ended) => ended,
        None => (decoder.eof()?, before),
    };
    Ok(ParsedResponse {
        status: response.status,
        headers: parts.headers,
        framing: decoder.framing(),
        body: parts.body,
        keep_alive: response.keep_alive,
        used,
    })
}
