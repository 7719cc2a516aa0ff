//! Which pool an alert is meant for, by its labels.

use std::collections::BTreeMap;

use policy::SeverityTable;

use super::{Ignored, payload::Label};

/// The pools that alerts may be meant for, in the order of the agent's.
#[derive(Clone, Debug)]
pub struct Pools {
    pools: Vec<Pool>,
    /// The labels that tell pools apart, each with the values that do.
    labels: Vec<(String, Vec<String>)>,
}

/// One of them.
#[derive(Clone, Debug)]
struct Pool {
    /// The labels of its alerts, as places in [`Pools::labels`] and among the values there.
    labels: Vec<(usize, u16)>,
    severity: SeverityTable,
}

/// More labels tell pools apart than an alert is looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} different labels tell pools apart; {MOST_LABELS} at most may")]
pub struct TooManyLabels(usize);

/// Different labels that tell pools apart, over all pools.
const MOST_LABELS: usize = 4;

/// What stands for a value that is no pool's.
const NOBODYS: u16 = u16::MAX;

/// What an alert's labels say of who is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct MeantFor([Label<u16>; MOST_LABELS]);

impl Pools {
    /// The only pool: all alerts are meant for it.
    pub fn only(severity: SeverityTable) -> Self {
        Self {
            pools: vec![Pool {
                labels: Vec::new(),
                severity,
            }],
            labels: Vec::new(),
        }
    }

    /// Several pools, each with the labels of its alerts and its table of severity.
    pub fn by_labels(
        pools: impl IntoIterator<Item = (BTreeMap<String, String>, SeverityTable)>,
    ) -> Result<Self, TooManyLabels> {
        let mut labels: Vec<(String, Vec<String>)> = Vec::new();
        let mut found = Vec::new();
        for (wanted, severity) in pools {
            let places = wanted.into_iter().map(|(name, value)| {
                let at = labels.iter().position(|(known, _)| *known == name);
                let at = at.unwrap_or_else(|| {
                    labels.push((name, Vec::new()));
                    labels.len() - 1
                });
                let values = &mut labels[at].1;
                let value_at = values.iter().position(|known| *known == value);
                let value_at = value_at.unwrap_or_else(|| {
                    values.push(value);
                    values.len() - 1
                });
                (at, u16::try_from(value_at).unwrap_or(NOBODYS))
            });
            found.push(Pool {
                labels: places.collect(),
                severity,
            });
        }
        if labels.len() > MOST_LABELS {
            return Err(TooManyLabels(labels.len()));
        }
        Ok(Self {
            pools: found,
            labels,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.pools.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pools.is_empty()
    }

    /// Replaces the table of severity of the pool at this place.
    pub(crate) fn set_severity(&mut self, at: usize, severity: SeverityTable) {
        if let Some(pool) = self.pools.get_mut(at) {
            pool.severity = severity;
        }
    }

    pub(super) fn severity(&self, at: usize) -> &SeverityTable {
        &self.pools[at].severity
    }

    /// Takes in one label of an alert; its value, if it is a text.
    pub(super) fn note(&self, said: &mut MeantFor, name: &str, value: impl Fn() -> Option<String>) {
        let Some(at) = self.labels.iter().position(|(known, _)| known == name) else {
            return;
        };
        let value = value().map_or(Label::Odd, |value| {
            let mut values = self.labels[at].1.iter();
            let place = values.position(|known| *known == value);
            let place = place.and_then(|place| u16::try_from(place).ok());
            Label::Is(place.unwrap_or(NOBODYS))
        });
        said.0[at] = said.0[at].and(value);
    }

    /// The pool that is meant: the one with the most labels of those that the alert has all labels
    /// of; else the one that its sender `asked` for; else the only one.
    pub(super) fn meant(&self, said: MeantFor, asked: Option<usize>) -> Result<usize, Ignored> {
        if said == MeantFor::default() {
            let only = (self.pools.len() == 1).then_some(0);
            return asked.or(only).ok_or(Ignored::NoPool);
        }
        let fits = |pool: &Pool| {
            let mut labels = pool.labels.iter();
            labels.all(|&(at, value)| said.0[at] == Label::Is(value) && value != NOBODYS)
        };
        let named = |pool: &Pool| pool.labels.len();
        let fitting = self.pools.iter().enumerate().filter(|(_, pool)| fits(pool));
        let fitting: Vec<_> = fitting.map(|(at, pool)| (at, named(pool))).collect();
        let most = fitting.iter().map(|(_, labels)| *labels).max();
        let mut best = fitting.iter().filter(|(_, labels)| Some(*labels) == most);
        match (best.next(), best.next()) {
            (Some(&(at, _)), None) if asked.is_none_or(|asked| asked == at) => Ok(at),
            (Some(_), None) => Err(Ignored::OtherPool),
            _ => Err(Ignored::UnknownPool),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(labels: &[&[(&str, &str)]]) -> Pools {
        let pool = |labels: &&[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            (labels.iter().map(owned).collect(), "none".parse().unwrap())
        };
        Pools::by_labels(labels.iter().map(pool)).unwrap()
    }

    fn meant(
        pools: &Pools,
        labels: &[(&str, &str)],
        asked: Option<usize>,
    ) -> Result<usize, Ignored> {
        let mut said = MeantFor::default();
        for (name, value) in labels {
            pools.note(&mut said, name, || Some((*value).to_owned()));
        }
        pools.meant(said, asked)
    }

    #[test]
    fn an_alert_is_meant_for_the_pool_whose_labels_it_has() {
        let pools = pools(&[&[("pool", "web")], &[("pool", "api")]]);
        assert_eq!(
            meant(&pools, &[("pool", "api"), ("scale", "up")], None),
            Ok(1)
        );
        assert_eq!(meant(&pools, &[], None), Err(Ignored::NoPool));
        assert_eq!(meant(&pools, &[], Some(1)), Ok(1));
        assert_eq!(meant(&pools, &[("pool", "api")], Some(1)), Ok(1));
        assert_eq!(
            meant(&pools, &[("pool", "api")], Some(0)),
            Err(Ignored::OtherPool)
        );
        for unknown in [
            [("pool", "db"); 1].as_slice(),
            &[("pool", "web"), ("pool", "api")],
        ] {
            assert_eq!(meant(&pools, unknown, None), Err(Ignored::UnknownPool));
            assert_eq!(meant(&pools, unknown, Some(0)), Err(Ignored::UnknownPool));
        }
        let mut odd = MeantFor::default();
        pools.note(&mut odd, "pool", || None);
        assert_eq!(pools.meant(odd, None), Err(Ignored::UnknownPool));
    }

    #[test]
    fn the_only_pool_needs_no_label_and_is_not_meant_by_anothers() {
        let one = pools(&[&[("pool", "web")]]);
        assert_eq!(meant(&one, &[("scale", "up")], None), Ok(0));
        assert_eq!(
            meant(&one, &[("pool", "api")], None),
            Err(Ignored::UnknownPool)
        );
        let only = Pools::only("none".parse().unwrap());
        assert_eq!(meant(&only, &[("pool", "api")], None), Ok(0));
    }

    #[test]
    fn the_pool_with_more_labels_is_meant_before_one_with_fewer() {
        let pools = pools(&[
            &[("team", "shop")],
            &[("team", "shop"), ("tier", "api")],
            &[("team", "bank")],
        ]);
        assert_eq!(meant(&pools, &[("team", "shop")], None), Ok(0));
        assert_eq!(
            meant(&pools, &[("tier", "api"), ("team", "shop")], None),
            Ok(1)
        );
        assert_eq!(
            meant(&pools, &[("tier", "web"), ("team", "shop")], None),
            Ok(0)
        );
        assert_eq!(
            meant(&pools, &[("tier", "api")], None),
            Err(Ignored::UnknownPool)
        );
    }

    #[test]
    fn so_many_labels_and_no_more_tell_pools_apart() {
        let labels = |number: usize| {
            let labels = (0..number).map(|n| (format!("label{n}"), "x".to_owned()));
            Pools::by_labels([(labels.collect(), "none".parse().unwrap())])
        };
        assert!(labels(MOST_LABELS).is_ok());
        assert_eq!(labels(5).unwrap_err(), TooManyLabels(5));
    }
}
