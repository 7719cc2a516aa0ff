//! Grafana's dispatcher: which message is sent when.
//!
//! Alerts of one group share messages. A new group's first message comes after `group_wait`; from
//! then on the group is looked at each `group_interval`. Then a message is sent if an alert fires
//! that the last message did not have, or if the last message is older than `repeat_interval`. So
//! reminders come at multiples of `group_interval`, and one of exactly `repeat_interval` is not
//! older yet: 30 s and 45 s give one each 60 s, 30 s and 60 s one each 90 s.

use std::collections::BTreeSet;

use alert_rules::{Monitoring, Route, group_key};

use super::Alerts;
use crate::time::{Micros, micros};

/// A message: the alerts that fire in it, by the place of their rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) firing: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
struct Group {
    route: Route,
    rules: Vec<usize>,
    /// The last message, once the group exists.
    life: Option<Life>,
}

#[derive(Clone, Debug, Default)]
struct Life {
    sent: Option<(Micros, BTreeSet<usize>)>,
}

/// All groups of alerts.
#[derive(Clone, Debug)]
pub(crate) struct Dispatcher {
    groups: Vec<Group>,
}

impl Dispatcher {
    pub(crate) fn new(monitoring: &Monitoring) -> Self {
        let mut groups: Vec<(Vec<String>, Group)> = Vec::new();
        let rules = monitoring.rules.iter();
        let rules = rules.map(|(rule, route)| (&rule.title, &rule.labels, route));
        let floors = monitoring.floors.iter();
        let floors = floors.map(|(rule, route)| (&rule.title, &rule.labels, route));
        for (place, (title, labels, route)) in rules.chain(floors).enumerate() {
            let key = group_key(title, labels, route);
            match groups
                .iter_mut()
                .find(|(other, group)| *other == key && group.route == *route)
            {
                Some((_, group)) => group.rules.push(place),
                None => groups.push((
                    key,
                    Group {
                        route: route.clone(),
                        rules: vec![place],
                        life: None,
                    },
                )),
            }
        }
        Self {
            groups: groups.into_iter().map(|(_, group)| group).collect(),
        }
    }

    /// Takes in what fires after an evaluation; returns the groups that begin and when each is to
    /// be looked at first.
    pub(crate) fn begin(&mut self, alerts: &Alerts, now: Micros) -> Vec<(usize, Micros)> {
        let mut begun = Vec::new();
        for (number, group) in self.groups.iter_mut().enumerate() {
            if group.life.is_none() && group.rules.iter().any(|place| alerts.fires(*place)) {
                group.life = Some(Life::default());
                begun.push((number, now + micros(group.route.group_wait)));
            }
        }
        begun
    }

    /// Looks at a group: the message to send, and when to look again. A group in which nothing
    /// fires ends.
    pub(crate) fn look(
        &mut self,
        number: usize,
        alerts: &Alerts,
        now: Micros,
    ) -> (Option<Message>, Option<Micros>) {
        let group = &mut self.groups[number];
        let firing: BTreeSet<usize> = group
            .rules
            .iter()
            .copied()
            .filter(|place| alerts.fires(*place))
            .collect();
        if firing.is_empty() {
            group.life = None;
            return (None, None);
        }
        let life = group.life.get_or_insert_default();
        let is_due = life.sent.as_ref().is_none_or(|(at, sent)| {
            !firing.is_subset(sent) || now - at > micros(group.route.repeat_interval)
        });
        let message = is_due.then(|| {
            life.sent = Some((now, firing.clone()));
            Message { firing }
        });
        (message, Some(now + micros(group.route.group_interval)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use alert_rules::MonitoringFiles;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        monitoring::{RequestCounts, Targets, scrapes::Scrape},
        time::{HOUR, SECOND},
    };

    /// Seconds at which messages come while the pool is busy from 0 to `busy_s` seconds.
    fn messages(group_s: u32, repeat_s: u32, busy_s: i64, end_s: i64) -> Vec<i64> {
        let mut monitoring = Monitoring::read(&MonitoringFiles::IMAGE).expect("they are known");
        for (_, route) in &mut monitoring.rules {
            route.group_interval = Duration::from_secs(group_s.into());
            route.repeat_interval = Duration::from_secs(repeat_s.into());
        }
        // The rules of a minute alone, scraped as these are.
        monitoring
            .rules
            .retain(|(rule, _)| rule.pending == Duration::from_secs(60));
        let mut alerts = Alerts::new(&monitoring);
        let mut dispatcher = Dispatcher::new(&monitoring);
        let mut targets = Targets::new(60 * SECOND);
        targets.discover(&[0]);
        let (mut sent, mut looks) = (Vec::new(), Vec::new());
        for second in 0..end_s {
            let now = second * SECOND;
            if second % 15 == 0 {
                let busy = now.min(busy_s * SECOND) + HOUR / 2;
                targets.scraped(
                    0,
                    Some(Scrape {
                        at: now,
                        busy,
                        total: now + HOUR,
                    }),
                );
            }
            if second % 10 == 0 {
                alerts.record(&targets, now);
                alerts.evaluate(&RequestCounts::new(0), now);
                looks.extend(dispatcher.begin(&alerts, now));
            }
            for (number, _) in looks
                .extract_if(.., |(_, at)| *at == now)
                .collect::<Vec<_>>()
            {
                let (message, next) = dispatcher.look(number, &alerts, now);
                if message.is_some() {
                    sent.push(second);
                }
                looks.extend(next.map(|next| (number, next)));
            }
        }
        sent
    }

    #[test]
    fn reminders_come_at_multiples_of_the_group_interval() {
        // Two scrapes at 0 s and 15 s; the evaluation at 20 s is the first to see a breach.
        assert_eq!(messages(30, 45, 1000, 300), [80, 140, 200, 260]);
        assert_eq!(messages(30, 60, 1000, 300), [80, 170, 260]);
        assert_eq!(messages(30, 59, 1000, 300), [80, 140, 200, 260]);
        assert_eq!(messages(30, 20, 1000, 180), [80, 110, 140, 170]);
    }

    #[test]
    fn the_images_own_policy_reminds_each_minute() {
        let image = Monitoring::read(&MonitoringFiles::IMAGE).expect("they are known");
        for (rule, route) in &image.rules {
            let (group, repeat) = (route.group_interval, route.repeat_interval);
            let messages = messages(group.as_secs() as u32, repeat.as_secs() as u32, 1000, 300);
            assert!(
                messages.windows(2).all(|pair| pair[1] - pair[0] == 60),
                "{}",
                rule.title
            );
        }
    }

    #[test]
    fn what_resolves_within_the_pending_time_sends_nothing() {
        assert_eq!(messages(30, 45, 60, 120), [] as [i64; 0]);
    }

    proptest! {
        #[test]
        fn the_spacing_is_the_first_multiple_that_is_longer_than_the_repeat_interval(
            group_s in 1_u32..60, repeat_s in 0_u32..200,
        ) {
            let spacing = i64::from(group_s * (repeat_s / group_s + 1));
            let messages = messages(group_s, repeat_s, 1000, 900);
            prop_assert_eq!(messages[0], 80);
            prop_assert!(messages.windows(2).all(|pair| pair[1] - pair[0] == spacing), "{:?}", messages);
            prop_assert!(900 - messages[messages.len() - 1] <= spacing);
        }
    }
}
