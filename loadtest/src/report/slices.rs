//! Whether the logs of a load that several machines made are all there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::log::Log;
use crate::{Slice, record::Warning};

/// The slices of which a log lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct MissingSlices {
    slices: Vec<Slice>,
    /// A slice that is there more than once, and how often.
    repeated: Option<(Slice, usize)>,
}

impl MissingSlices {
    /// Which they are.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// What a report says of them.
    pub fn warning(&self) -> Warning {
        Warning {
            kind: "slices_missing".to_owned(),
            text: self.to_string(),
        }
    }
}

impl fmt::Display for MissingSlices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.slices.iter().map(Slice::to_string).collect();
        match &*names {
            [one] => write!(f, "slice {one} is missing")?,
            [more @ .., last] => write!(f, "slices {} and {last} are missing", more.join(", "))?,
            [] => {}
        }
        match self.repeated {
            Some((slice, times)) => write!(f, " (slice {slice} is there {times} times)"),
            None => Ok(()),
        }
    }
}

/// Finds the slices of which a log lacks. Of several loads one after another, each slice has as
/// many logs as every other one.
pub fn missing_slices(logs: &[Log]) -> Result<(), MissingSlices> {
    let mut logs_of: BTreeMap<Slice, usize> = BTreeMap::new();
    for slice in logs.iter().filter_map(Log::slice) {
        *logs_of.entry(slice).or_default() += 1;
    }
    let mut missing = MissingSlices {
        slices: Vec::new(),
        repeated: None,
    };
    let loads: BTreeSet<usize> = logs_of.keys().map(|slice| slice.of()).collect();
    for of in loads {
        let count = |slice: Slice| logs_of.get(&slice).copied().unwrap_or_default();
        let most = Slice::all(of).max_by_key(|slice| count(*slice));
        let Some(most) = most else { continue };
        let fewer = Slice::all(of).filter(|slice| count(*slice) < count(most));
        let before = missing.slices.len();
        missing.slices.extend(fewer);
        if missing.slices.len() > before && count(most) > 1 {
            missing.repeated = Some((most, count(most)));
        }
    }
    if missing.slices.is_empty() {
        Ok(())
    } else {
        Err(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::hlog::PlanLine, Log, missing_slices};

    fn log(slice: &str) -> Log {
        let slice = ("slice".to_owned(), slice.to_owned());
        let settings = [slice].into_iter().filter(|(_, text)| !text.is_empty());
        let settings = settings.collect();
        let plan = PlanLine {
            settings,
            planned: 1.0,
            tick: 1.0,
            open_loop: true,
        };
        Log {
            name: String::new(),
            plan: Some(plan),
            ticks: Vec::new(),
        }
    }

    fn told(slices: &[&str]) -> String {
        let logs: Vec<Log> = slices.iter().map(|slice| log(slice)).collect();
        let missing = missing_slices(&logs).err();
        missing.map_or_else(String::new, |missing| missing.to_string())
    }

    #[test]
    fn each_missing_slice_is_named() {
        for whole in [
            &[][..],
            &["", ""],
            &["1/1"],
            &["2/2", "1/2"],
            &["1/2", "2/2", "1/2", "2/2"],
            &["1/2", "", "2/2", "3/3", "2/3", "1/3"],
        ] {
            assert_eq!(told(whole), "", "{whole:?}");
        }
        assert_eq!(told(&["1/2"]), "slice 2/2 is missing");
        assert_eq!(told(&["1/3", ""]), "slices 2/3 and 3/3 are missing");
        let of_five = told(&["2/5", "4/5"]);
        assert_eq!(of_five, "slices 1/5, 3/5 and 5/5 are missing");
        let two_loads = told(&["1/2", "2/2", "1/3", "2/3"]);
        assert_eq!(two_loads, "slice 3/3 is missing");
    }

    #[test]
    fn a_log_that_is_there_twice_is_told_of() {
        let twice = told(&["1/2", "2/2", "2/2"]);
        assert_eq!(twice, "slice 1/2 is missing (slice 2/2 is there 2 times)");
    }
}
