//! What a response cannot be.

/// The largest status line and headers accepted, in bytes.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
/// The most headers accepted in one response.
pub(crate) const MAX_HEADERS: usize = 128;

/// A response that is not HTTP/1.x as RFC 9112 has it, or that is larger than this client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The status line or a header is malformed.
    #[error("the response is not HTTP/1")]
    Head(#[source] httparse::Error),
    /// The response begins as a TLS record does.
    #[error("the server speaks TLS: use https://")]
    Tls,
    /// The response begins as a frame of HTTP/2 does.
    #[error("the server speaks HTTP/2 without HTTP/1.1: use --http2")]
    Http2,
    /// The head has too many lines.
    #[error("the response has more than {MAX_HEADERS} headers")]
    TooManyHeaders,
    /// The head has too many bytes.
    #[error("the response's head is larger than {} KiB", MAX_HEAD / 1024)]
    HeadTooLarge,
    /// The length is no number, or several that differ.
    #[error("invalid content-length in the response")]
    Length,
    /// HTTP/1.0 has no transfer codings.
    #[error("transfer-encoding in an HTTP/1.0 response")]
    OldCoding,
    /// The status is below 100.
    #[error("response status below 100")]
    Status,
    /// The status is 101.
    #[error("the response switches protocols, which was not requested")]
    Switch,
    /// The chunked coding is malformed.
    #[error("malformed chunk in the response: {0}")]
    Chunk(&'static str),
    /// The bytes end before the response does.
    #[error("connection closed in the middle of a response")]
    Truncated,
}

impl ProtocolError {
    pub(super) fn of_head(error: httparse::Error, head: &[u8]) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::TooManyHeaders,
            // The first byte of an alert or a handshake record; no text begins so.
            _ if matches!(head, [0x15 | 0x16, ..]) => Self::Tls,
            // The first byte of a short frame's length.
            _ if matches!(head, [0, ..]) => Self::Http2,
            error => Self::Head(error),
        }
    }
}
