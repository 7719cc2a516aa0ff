//! Pages of `docs/` that tests make of the code: a test fails while a page says something else, and
//! writes it where `UPDATE_DOCS` is set.

#![allow(clippy::missing_panics_doc, reason = "a test fails by a panic")]

pub mod metrics;

use std::{env, fs, path::PathBuf};

const END: &str = "<!-- end -->";

/// A page, and the command that makes it again.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The file's name in `docs/`.
    pub name: &'static str,
    /// What follows `cargo test`, such as `-p agent settings_page`.
    pub test: &'static str,
}

impl Page {
    /// Fails unless the whole page is this text.
    #[track_caller]
    pub fn is(self, text: &str) {
        self.replace(|_| text.to_owned());
    }

    /// Fails unless the page's part that is made of `what` is this text. It stands between
    /// `<!-- made of WHAT: COMMAND -->` and `<!-- end -->`.
    #[track_caller]
    pub fn has(self, what: &str, text: &str) {
        let begin = format!("<!-- made of {what}: {} -->\n", self.command());
        self.replace(|page| {
            let whole = page.split_once(&begin).and_then(|(before, rest)| {
                let (_, after) = rest.split_once(END)?;
                Some(format!("{before}{begin}{text}{END}{after}"))
            });
            whole.unwrap_or_else(|| {
                panic!("docs/{} lacks the lines {begin:?} and {END:?}", self.name)
            })
        });
    }

    /// Where the page is.
    pub fn path(self) -> PathBuf {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
        PathBuf::from(docs).join(self.name)
    }

    fn command(self) -> String {
        format!("UPDATE_DOCS=1 cargo test {}", self.test)
    }

    #[track_caller]
    fn replace(self, new: impl FnOnce(&str) -> String) {
        let path = self.path();
        let found = fs::read_to_string(&path).unwrap_or_default();
        let expected = new(&found);
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, expected).expect("the page is writable");
            return;
        }
        let name = self.name;
        let command = self.command();
        let line = || {
            let mut both = found.lines().zip(expected.lines());
            let differs = both.position(|(found, expected)| found != expected);
            differs.map_or_else(
                || "at its end".to_owned(),
                |line| format!("at line {}", line + 1),
            )
        };
        assert!(
            found == expected,
            "docs/{name} is not what the code says, {}; run: {command}",
            line()
        );
    }
}
