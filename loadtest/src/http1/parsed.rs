//! One whole answer at once: the decoder without a connection, for tools and fuzzers.

use super::{
    error::ProtocolError,
    framing::BodyFraming,
    response::{Decoder, Visitor},
};

/// An answer, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedResponse {
    /// The status of the final answer; interim ones are passed over.
    pub status: u16,
    /// Its headers in order, with names as they were sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What says where the body ends.
    pub framing: BodyFraming,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
    /// The bytes that belong to the answer; what follows them does not.
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

/// Reads an answer from bytes as a connection gives them: in pieces, after which it is closed.
///
/// The result does not depend on where the pieces are cut. `to_head` says that the request was HEAD, whose answers have
/// no body.
///
/// ```
/// let pieces: [&[u8]; 2] = [b"HTTP/1.1 200 OK\r\ncontent-le", b"ngth: 2\r\n\r\nhi, and more"];
/// let answer = loadtest::parse_response(pieces, false)?;
/// assert_eq!((answer.status, &*answer.body, answer.used), (200, &b"hi"[..], 40));
/// # Ok::<(), loadtest::ProtocolError>(())
/// ```
pub fn parse_response<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    to_head: bool,
) -> Result<ParsedResponse, ProtocolError> {
    let (mut decoder, mut parts, mut before) = (Decoder::new(to_head), Parts::default(), 0);
    let mut ended = None;
    for piece in pieces {
        if let Some((answer, used)) = decoder.feed(piece, &mut parts)? {
            ended = Some((answer, before + used));
            break;
        }
        before += piece.len();
    }
    let (answer, used) = match ended {
        Some(ended) => ended,
        None => (decoder.eof()?, before),
    };
    Ok(ParsedResponse {
        status: answer.status,
        headers: parts.headers,
        framing: decoder.framing(),
        body: parts.body,
        keep_alive: answer.keep_alive,
        used,
    })
}
