//! An HTTP/1.1 client codec (RFC 9112): requests as bytes made once, responses decoded as they
//! arrive.
//!
//! It never touches a socket.

mod chunked;
mod decoder;
mod error;
mod framing;
mod head;
mod parsed;
mod request;
mod response;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod splits;

pub(crate) use {
    decoder::Decoder,
    error::{MAX_HEAD, MAX_HEADERS},
    request::encode as encode_request,
    response::{Response, Visitor},
};
pub use {
    error::ProtocolError,
    framing::BodyFraming,
    parsed::{ParsedResponse, parse_response},
};
