//! Which of several settings that contradict each other is named: whoever reads the error changed
//! one of them, and looks for that one.

use super::reader::Reader;

/// Sources by their names' beginnings, the later wins.
const SOURCES: [&str; 4] = ["default", "file ", "variable ", "flag "];

impl Reader<'_> {
    /// The key whose value has the strongest source: a flag before a variable, then the file, and a
    /// default last. Among equals the first.
    pub(super) fn blamed(&self, keys: &[&'static str]) -> &'static str {
        let strength = |key: &str| {
            let source = self.source(key);
            SOURCES.iter().position(|name| source.starts_with(name))
        };
        let mut blamed = keys.first().copied().unwrap_or_default();
        for key in keys {
            if strength(key) > strength(blamed) {
                blamed = key;
            }
        }
        blamed
    }

    /// Tells of two values that contradict each other, from the side of the one to blame: each key
    /// with what is wrong with it then.
    pub(super) fn contradiction(&mut self, sides: [(&'static str, String); 2]) {
        let blamed = self.blamed(&[sides[0].0, sides[1].0]);
        let side = sides.into_iter().find(|(key, _)| *key == blamed);
        if let Some((key, message)) = side {
            self.problem(key, message);
        }
    }
}
