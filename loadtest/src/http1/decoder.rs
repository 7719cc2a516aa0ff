//! What is received: a decoder that is fed whatever the socket gives, and says when one response is
//! complete.

use super::{
    chunked::Chunked,
    error::{MAX_HEAD, ProtocolError},
    framing::BodyFraming,
    head::Head,
    response::{Nobody, Response, Visitor},
};

#[derive(Debug)]
enum Body {
    /// The head is not complete.
    Head,
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// Decodes responses one after another.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The beginning of a head that arrived in pieces.
    carry: Vec<u8>,
    body: Body,
    framing: BodyFraming,
    response: Response,
    begun: bool,
    bodiless: bool,
}

impl Decoder {
    /// `bodiless` for HEAD requests, whose responses have headers only.
    pub(crate) fn new(bodiless: bool) -> Self {
        let response = Response {
            status: 0,
            keep_alive: false,
        };
        Self {
            carry: Vec::new(),
            body: Body::Head,
            framing: BodyFraming::Length(0),
            response,
            begun: false,
            bodiless,
        }
    }

    /// Whether the request that is sent next is HEAD.
    pub(crate) fn set_bodiless(&mut self, bodiless: bool) {
        self.bodiless = bodiless;
    }

    /// Whether a byte of the current response has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// How the body of the last head that was read is framed.
    pub(super) fn framing(&self) -> BodyFraming {
        self.framing
    }

    /// Takes bytes. On a complete response returns it with the number of bytes used, and is ready
    /// for the next.
    pub(crate) fn feed(
        &mut self,
        input: &[u8],
        visitor: &mut impl Visitor,
    ) -> Result<Option<(Response, usize)>, ProtocolError> {
        self.begun |= !input.is_empty();
        let mut at = 0;
        while matches!(self.body, Body::Head) {
            let Some(used) = self.head(&input[at..], visitor)? else {
                return Ok(None);
            };
            at += used;
        }
        let rest = &input[at..];
        match &mut self.body {
            Body::Head => {}
            Body::Length(left) => {
                let take = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                if take > 0 {
                    visitor.body(&rest[..take]);
                }
                *left -= take as u64;
                if *left == 0 {
                    return Ok(Some((self.finish(), at + take)));
                }
            }
            Body::Chunked(chunked) => {
                let used = chunked.feed(rest, &mut |data| visitor.body(data))?;
                if chunked.is_done() {
                    return Ok(Some((self.finish(), at + used)));
                }
            }
            Body::UntilClose => {
                if !rest.is_empty() {
                    visitor.body(rest);
                }
            }
        }
        Ok(None)
    }

    /// The connection was closed: ends a response that is delimited by that, and is an error in any
    /// other.
    pub(crate) fn eof(&mut self) -> Result<Response, ProtocolError> {
        if let Body::UntilClose = self.body {
            return Ok(self.finish());
        }
        // The last pieces of a head without a line feed were not looked at.
        let carry = std::mem::take(&mut self.carry);
        if matches!(self.body, Body::Head) && !carry.is_empty() {
            self.parse(&carry, &mut Nobody)?;
        }
        Err(ProtocolError::Truncated)
    }

    fn finish(&mut self) -> Response {
        self.body = Body::Head;
        self.begun = false;
        self.response
    }

    /// Reads a head; none when more bytes are needed, else how many of `input` it used. What comes
    /// of it does not depend on how the bytes were cut.
    fn head(
        &mut self,
        input: &[u8],
        visitor: &mut impl Visitor,
    ) -> Result<Option<usize>, ProtocolError> {
        let before = self.carry.len();
        let room = MAX_HEAD - before;
        let taken = &input[..input.len().min(room)];
        let used = if before == 0 {
            let used = self.parse(taken, visitor)?;
            if used.is_none() {
                self.carry.extend_from_slice(taken);
            }
            used
        } else {
            self.carry.extend_from_slice(taken);
            // A head ends in a line feed: without one there is no need to look.
            if taken.contains(&b'\n') || input.len() > room {
                let carry = std::mem::take(&mut self.carry);
                let used = self.parse(&carry, visitor)?;
                self.carry = carry;
                used
            } else {
                None
            }
        };
        match used {
            Some(used) => {
                self.carry.clear();
                Ok(Some(used - before))
            }
            None if input.len() > room => Err(ProtocolError::HeadTooLarge),
            None => Ok(None),
        }
    }

    fn parse(
        &mut self,
        bytes: &[u8],
        visitor: &mut impl Visitor,
    ) -> Result<Option<usize>, ProtocolError> {
        let Some((head, used)) = Head::read(bytes, self.bodiless, visitor)? else {
            return Ok(None);
        };
        if let Head::Final { response, framing } = head {
            (self.response, self.framing) = (response, framing);
            self.body = match framing {
                BodyFraming::Length(length) => Body::Length(length),
                BodyFraming::Chunked => Body::Chunked(Chunked::new()),
                BodyFraming::UntilClose => Body::UntilClose,
            };
        }
        Ok(Some(used))
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Response, Visitor};
    use crate::http1::ProtocolError;

    #[derive(Default)]
    struct Seen(Vec<u8>, Vec<String>);

    impl Visitor for Seen {
        fn header(&mut self, name: &str, _value: &[u8]) {
            self.1.push(name.to_owned());
        }
        fn body(&mut self, data: &[u8]) {
            self.0.extend_from_slice(data);
        }
    }

    /// Feeds the text in pieces of `step` bytes, then closes.
    fn decode(
        text: &str,
        step: usize,
        bodiless: bool,
    ) -> Result<(Response, String, bool), ProtocolError> {
        let (mut decoder, mut seen) = (Decoder::new(bodiless), Seen::default());
        for piece in text.as_bytes().chunks(step) {
            if let Some((response, used)) = decoder.feed(piece, &mut seen)? {
                return Ok((
                    response,
                    String::from_utf8_lossy(&seen.0).into_owned(),
                    used == piece.len(),
                ));
            }
        }
        decoder.eof().map(|response| {
            (
                response,
                String::from_utf8_lossy(&seen.0).into_owned(),
                true,
            )
        })
    }

    /// Responses of status 200, whether their connection is kept, and their bodies.
    const FRAMINGS: &[(&str, bool, &str)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true, "hi"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nhi",
            true,
            "hi",
        ),
        (
            "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nhi",
            false,
            "hi",
        ),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            false,
            "hi",
        ),
        (
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
            true,
            "hi",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            true,
            "hi",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nhi", false, "hi"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
            true,
            "hi",
        ),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: Identity, identity\r\n\r\nhi",
            false,
            "hi",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhi",
            false,
            "hi",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            true,
            "hi",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nhi",
            false,
            "hi",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            true,
            "",
        ),
    ];

    #[test]
    fn framings() {
        for &(text, keep_alive, body) in FRAMINGS {
            let response = Response {
                status: 200,
                keep_alive,
            };
            for step in 1..=text.len() {
                assert_eq!(
                    decode(text, step, false),
                    Ok((response, body.to_owned(), true)),
                    "{text:?} by {step}"
                );
            }
        }
    }

    #[test]
    fn responses_without_a_body_end_with_their_head() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(
            decode(text, 7, true),
            Ok((
                Response {
                    status: 200,
                    keep_alive: true
                },
                String::new(),
                true
            ))
        );
        let text = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(
            decode(text, 7, false),
            Ok((
                Response {
                    status: 304,
                    keep_alive: true
                },
                String::new(),
                true
            ))
        );
    }

    #[test]
    fn malformed_responses_are_refused() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(70_000));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(129));
        for (text, error) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
                ProtocolError::Length,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi",
                ProtocolError::Length,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
                ProtocolError::Truncated,
            ),
            (
                "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                ProtocolError::Switch,
            ),
            (
                "SSH-2.0-OpenSSH\r\n",
                ProtocolError::Head(httparse::Error::Version),
            ),
            ("HTTP/1.1 200", ProtocolError::Truncated),
            (&long, ProtocolError::HeadTooLarge),
            (&many, ProtocolError::TooManyHeaders),
            ("\u{15}\u{3}\u{1}\0\u{2}\u{2}F", ProtocolError::Tls),
            ("\0\0\u{6}\u{4}\0\0\0\0\0", ProtocolError::Http2),
        ] {
            for step in [1, 1000, 100_000] {
                assert_eq!(decode(text, step, false), Err(error), "{text:.60?}");
            }
        }
    }

    #[test]
    fn only_the_final_responses_headers_are_seen() {
        let (mut decoder, mut seen) = (Decoder::new(false), Seen::default());
        let text = b"HTTP/1.1 103 Hints\r\nA: 1\r\n\r\nHTTP/1.1 200 OK\r\nB: 1\r\nContent-Length: 0\r\n\r\n";
        decoder.feed(text, &mut seen).expect("valid");
        assert_eq!(seen.1, ["B", "Content-Length"]);
    }
}
