//! Shares, which people also write in percent.

use super::{
    entry::shown,
    reader::{Readable as _, Reader},
};

impl Reader<'_> {
    /// A share from 0 to 1. Who writes percent is told what the share is.
    pub(super) fn share(&mut self, key: &'static str) -> Option<f64> {
        let setting = self.setting(key, f64::fits);
        let text = self.must(setting)?;
        let bare = text.trim_end_matches('%').trim_end();
        let number = bare.parse::<f64>().ok().filter(|number| number.is_finite());
        let is_percent = bare.len() < text.len();
        match number {
            Some(share) if !is_percent && (0.0..=1.0).contains(&share) => Some(share),
            _ => {
                // Just above one is a slip of another kind.
                let is_meant = |n: &f64| (0.0..=100.0).contains(n) && (is_percent || *n >= 2.0);
                let meant = number.filter(is_meant);
                let meant = meant.map_or_else(String::new, |percent| {
                    let share = percent / 100.0;
                    format!("; {percent} % is written {share}")
                });
                let expected = setting.kind.expected();
                self.problem(key, format!("`{}` is not {expected}{meant}", shown(&text)));
                None
            }
        }
    }
}
