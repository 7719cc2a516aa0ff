//! What a response says, as it is decoded.

/// Receives the parts of a response.
pub(crate) trait Visitor {
    /// A header of the final response (never of an interim one).
    fn header(&mut self, name: &str, value: &[u8]);
    /// A part of the body.
    fn body(&mut self, _data: &[u8]) {}
}

pub(super) struct Nobody;

impl Visitor for Nobody {
    fn header(&mut self, _name: &str, _value: &[u8]) {}
}

/// What a complete response said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Whether the connection may carry another request.
    pub(crate) keep_alive: bool,
}
