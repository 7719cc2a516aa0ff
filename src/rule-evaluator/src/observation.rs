//! What is known of the pool's CPU at one moment, and what each rule may conclude from it.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// One target that should report.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberReading {
    /// `IP:PORT` of its exporter, the label `instance` of its series.
    pub instance: String,
    /// CPU use from 0 to 1; `None` when its last scrape failed or there are too few.
    pub cpu: Option<f64>,
    /// Time since it started, if it says.
    pub age: Option<Duration>,
}

impl MemberReading {
    /// A member that may still be busy with starting. One that does not say when it started counts
    /// as young.
    fn is_young(&self, young_for: Duration) -> bool {
        self.age.is_none_or(|age| age < young_for)
    }
}

/// All targets at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// One per target, reporting or not.
    pub members: Vec<MemberReading>,
}

impl Observation {
    /// The pool average: the mean over all members that report. `None` when none does.
    pub fn average(&self) -> Option<f64> {
        mean(self.reporting())
    }

    /// The average on which the pool may grow: young members are left out, since starting is work
    /// too.
    pub fn for_scale_out(&self, young_for: Duration) -> Option<f64> {
        mean(
            self.reporting()
                .filter(|(member, _)| !member.is_young(young_for)),
        )
    }

    /// The average on which the pool may shrink: only when at least the share `quorum` of the
    /// targets reports and none of them is young, since an average over few or over members that
    /// have no load yet says nothing of the pool.
    pub fn for_scale_in(&self, quorum: f64, young_for: Duration) -> Option<f64> {
        let needed = (quorum * self.members.len() as f64).ceil().max(1.0);
        let enough = self.reporting().count() as f64 >= needed;
        let any_young = self
            .reporting()
            .any(|(member, _)| member.is_young(young_for));
        if enough && !any_young {
            self.average()
        } else {
            None
        }
    }

    /// The CPU use of the member at this address, whatever its exporter's port.
    pub fn cpu_of(&self, address: IpAddr) -> Option<f64> {
        let at = |member: &MemberReading| {
            let instance = member.instance.parse::<SocketAddr>();
            instance.is_ok_and(|instance| instance.ip() == address)
        };
        self.reporting()
            .find_map(|(member, cpu)| at(member).then_some(cpu))
    }

    fn reporting(&self) -> impl Iterator<Item = (&MemberReading, f64)> {
        self.members
            .iter()
            .filter_map(|member| Some((member, member.cpu.filter(|cpu| cpu.is_finite())?)))
    }
}

fn mean<'a>(readings: impl Iterator<Item = (&'a MemberReading, f64)>) -> Option<f64> {
    let (count, sum) = readings.fold((0_u32, 0.0), |(count, sum), (_, cpu)| {
        (count + 1, sum + cpu)
    });
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YOUNG: Duration = Duration::from_secs(90);

    fn observation(members: &[(Option<f64>, u64)]) -> Observation {
        let reading = |(place, (cpu, age)): (usize, &(Option<f64>, u64))| MemberReading {
            instance: format!("127.0.0.{place}:9100"),
            cpu: *cpu,
            age: Some(Duration::from_secs(*age)),
        };
        Observation {
            members: members.iter().enumerate().map(reading).collect(),
        }
    }

    #[test]
    fn nothing_is_concluded_from_nothing() {
        for pool in [
            observation(&[]),
            observation(&[(None, 500), (Some(f64::NAN), 500)]),
        ] {
            assert_eq!(pool.average(), None);
            assert_eq!(pool.for_scale_out(YOUNG), None);
            assert_eq!(pool.for_scale_in(0.0, YOUNG), None);
        }
    }

    #[test]
    fn young_members_neither_raise_the_average_nor_let_the_pool_shrink() {
        let pool = observation(&[(Some(0.5), 500), (Some(1.0), 10)]);
        assert_eq!(pool.average(), Some(0.75));
        assert_eq!(pool.for_scale_out(YOUNG), Some(0.5));
        assert_eq!(pool.for_scale_in(0.8, YOUNG), None);
    }

    #[test]
    fn a_member_of_unknown_age_is_young() {
        let mut pool = observation(&[(Some(0.5), 500)]);
        pool.members[0].age = None;
        assert_eq!(pool.for_scale_out(YOUNG), None);
        assert_eq!(pool.for_scale_in(0.8, YOUNG), None);
    }

    #[test]
    fn a_member_is_found_by_its_address() {
        let pool = observation(&[(Some(0.5), 500), (None, 500)]);
        let cpu = |address: [u8; 4]| pool.cpu_of(address.into());
        assert_eq!(cpu([127, 0, 0, 0]), Some(0.5));
        assert_eq!(cpu([127, 0, 0, 1]), None, "it does not report");
        assert_eq!(cpu([127, 0, 0, 9]), None, "there is none");
    }

    #[test]
    fn shrinking_needs_a_quorum() {
        let four_of_five = [Some(0.1), Some(0.1), Some(0.1), Some(0.1), None].map(|cpu| (cpu, 500));
        assert!(
            observation(&four_of_five)
                .for_scale_in(0.8, YOUNG)
                .is_some()
        );
        assert_eq!(observation(&four_of_five).for_scale_in(1.0, YOUNG), None);
        assert_eq!(
            observation(&four_of_five[1..]).for_scale_in(0.8, YOUNG),
            None,
            "three of four"
        );
    }
}
