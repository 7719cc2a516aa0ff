//! What a run learns of its target, which no plan knows.

use std::sync::OnceLock;

/// Response headers that commonly name the backend, the most exact one first.
///
/// `x-instance` is what `slow-app` sends; the others are what owners of applications and of load
/// balancers commonly set. `via` and `server` are not among them: they name the
/// proxy or its software, the same for all backends.
pub(crate) const COMMON_HEADERS: [&str; 12] = [
    "x-instance",
    "x-instance-id",
    "x-pod-name",
    "x-backend-server",
    "x-served-by",
    "x-upstream-addr",
    "x-upstream",
    "x-backend",
    "x-backend-name",
    "x-server-name",
    "x-server",
    "x-hostname",
];

/// What the first responses and connections tell, for all workers of the run.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The header that the plan names.
    asked_header: Option<String>,
    found_header: OnceLock<&'static str>,
    tls: OnceLock<String>,
}

impl Findings {
    /// `backend_header` is the one that the plan names.
    pub(crate) fn new(backend_header: Option<&str>) -> Self {
        Self {
            asked_header: backend_header.map(str::to_owned),
            ..Self::default()
        }
    }

    /// The header that names the backend, once it is known.
    pub(crate) fn backend_header(&self) -> Option<&str> {
        match &self.asked_header {
            Some(header) => Some(header),
            None => self.found_header.get().copied(),
        }
    }

    /// A response has this common header: the first one decides, for every worker.
    pub(crate) fn decide_header(&self, rank: usize) -> &str {
        self.found_header.get_or_init(|| COMMON_HEADERS[rank])
    }

    /// The first connection was encrypted like this.
    pub(crate) fn note_tls(&self, describe: impl FnOnce() -> String) {
        self.tls.get_or_init(describe);
    }

    /// What was learnt, for the settings of a report.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (String, String)> {
        let header = self.backend_header();
        let known = [
            ("backend_header", header),
            ("tls", self.tls.get().map(String::as_str)),
        ];
        known
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
    }
}

/// The place of a header among the common ones, if it is one of them.
pub(crate) fn rank_of_header(name: &str) -> Option<usize> {
    // Nearly all headers of nearly all responses end here.
    if !matches!(name.as_bytes(), [b'x' | b'X', b'-', ..]) {
        return None;
    }
    COMMON_HEADERS
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::{COMMON_HEADERS, Findings, rank_of_header};

    #[test]
    fn the_first_common_header_decides_unless_one_is_named() {
        for (rank, name) in COMMON_HEADERS.iter().enumerate() {
            assert_eq!(rank_of_header(&name.to_uppercase()), Some(rank));
        }
        for name in [
            "",
            "x",
            "x-",
            "via",
            "server",
            "x-instances",
            "x-request-id",
        ] {
            assert_eq!(rank_of_header(name), None, "{name}");
        }
        let findings = Findings::new(None);
        assert_eq!(findings.backend_header(), None);
        assert_eq!(findings.settings().count(), 0);
        assert_eq!(findings.decide_header(4), "x-served-by");
        assert_eq!(findings.decide_header(0), "x-served-by", "decided");
        assert_eq!(findings.backend_header(), Some("x-served-by"));
        let named = Findings::new(Some("x-mine"));
        assert_eq!(named.backend_header(), Some("x-mine"));
    }
}
