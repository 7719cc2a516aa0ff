//! An HTTP/1.1 client codec (RFC 9112): requests as bytes made once, answers decoded as they arrive.
//!
//! It never touches a socket.

pub(crate) mod chunked;
mod error;
mod framing;
mod parsed;
pub(crate) mod request;
pub(crate) mod response;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod splits;

pub use error::ProtocolError;
pub(crate) use error::{MAX_HEAD, MAX_HEADERS};
pub use framing::BodyFraming;
pub use parsed::{ParsedResponse, parse_response};
