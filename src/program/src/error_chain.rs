//! Errors in words. Each error's text says its own part, without its cause; here the parts are
//! joined, once.

use std::error::Error;

/// The error and its causes, joined by colons.
///
/// A cause that its error repeats, as those of some libraries do, is left out.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    let mut next = error.source();
    while let Some(cause) = next {
        let part = cause.to_string();
        if !last.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
            last = part;
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("outer: inner")]
    struct Repeats(#[source] io::Error);

    #[test]
    fn a_library_that_repeats_its_cause_is_cut_short() {
        let error = Repeats(io::Error::other("inner"));
        assert_eq!(with_causes(&error), "outer: inner");
    }
}
