//! An HTTP/1.1 client codec (RFC 9112): requests as bytes made once, answers decoded as they arrive.
//!
//! It never touches a socket.

pub(crate) mod chunked;
mod framing;
pub(crate) mod request;
pub(crate) mod response;

#[cfg(test)]
mod oracle;
