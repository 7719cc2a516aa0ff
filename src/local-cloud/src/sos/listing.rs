//! What a request for a list of objects wants.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::error::Refusal;

/// The most that one page holds.
const MOST: usize = 1000;

#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) prefix: &'a str,
    pub(super) delimiter: &'a str,
    /// `start-after`, or the first version's `marker`.
    pub(super) start_after: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) most: usize,
    pub(super) is_encoded: bool,
    pub(super) is_second_version: bool,
}

impl<'a> Wanted<'a> {
    pub(super) fn read(query: &'a [(String, String)]) -> Result<Self, Refusal> {
        let argument = |name: &str| {
            let mut found = query.iter().filter(|(known, _)| known == name);
            found.next().map(|(_, value)| value.as_str())
        };
        let is_second_version = match argument("list-type") {
            None => false,
            Some("2") => true,
            Some(_) => return Err(Refusal::InvalidArgument),
        };
        let is_encoded = match argument("encoding-type") {
            None => false,
            Some("url") => true,
            Some(_) => return Err(Refusal::InvalidArgument),
        };
        let most = argument("max-keys").map_or(Ok(MOST), str::parse);
        let after = if is_second_version {
            "start-after"
        } else {
            "marker"
        };
        Ok(Self {
            prefix: argument("prefix").unwrap_or_default(),
            delimiter: argument("delimiter").unwrap_or_default(),
            start_after: argument(after).unwrap_or_default(),
            token: argument("continuation-token").filter(|_| is_second_version),
            most: most.map_err(|_| Refusal::InvalidArgument)?.min(MOST),
            is_encoded,
            is_second_version,
        })
    }

    /// The key after which this page begins.
    pub(super) fn after(&self) -> Result<String, Refusal> {
        let Some(token) = self.token else {
            return Ok(self.start_after.to_owned());
        };
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token);
        let bytes = bytes.map_err(|_| Refusal::InvalidArgument)?;
        String::from_utf8(bytes).map_err(|_| Refusal::InvalidArgument)
    }
}

/// A token from which the next page begins after a key. Clients do not look into it.
pub(super) fn token_of(next: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(next)
}
