//! What is kept of a response until it is judged.

/// The most of a body that is kept.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// What was kept of a response to judge it.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    /// Whether the body went on.
    is_cut: bool,
}

impl Kept {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(crate) fn clear(&mut self) {
        self.headers.clear();
        self.is_cut = false;
        if self.body.capacity() > MAX_BODY / 16 {
            // One large response of each connection must not hold its memory for the whole run.
            self.body = Vec::new();
        }
        self.body.clear();
    }

    pub(crate) fn header(&mut self, name: &str, value: &[u8]) {
        self.headers
            .push((name.to_owned(), value.trim_ascii().to_vec()));
    }

    pub(crate) fn body(&mut self, data: &[u8]) {
        let room = MAX_BODY - self.body.len();
        self.is_cut |= data.len() > room;
        self.body.extend_from_slice(&data[..data.len().min(room)]);
    }

    /// The values of a header.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let named = self
            .headers
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_slice())
    }
}
