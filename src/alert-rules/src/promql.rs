//! The few facts in a rule's expression, read so that any other expression is refused.
//!
//! Facts are looked for in the text; then the whole expression is written again from them. Only one
//! that is the same, but for white space, is known.

use std::{collections::BTreeMap, time::Duration};

/// What a rule does about members that still boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Young {
    /// They have no say in the average.
    LeftOut,
    /// While there is one, there is no average.
    Silence,
}

/// The average CPU use of the pool, as a rule asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuQuery {
    /// The scrape job of the members.
    pub job: String,
    /// The time over which CPU use is taken.
    pub window: Duration,
    /// Members younger than this, by their own clock, still boot.
    pub young_for: Duration,
    /// What becomes of them.
    pub young: Young,
    /// The share of the members that must report for there to be an average.
    pub quorum: f64,
}

/// The request rate of all members over what one member serves, rounded up: a number of members.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestQuery {
    /// The scrape job of the members' application.
    pub job: String,
    /// The time over which the rate is taken.
    pub window: Duration,
    /// The requests a second that one member is to serve.
    pub per_member: f64,
}

/// CPU use of each member over a window, as a recording rule computes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CpuUse {
    job: String,
    window: Duration,
}

/// Reads what a recording rule computes; `None` when it is not of the form that is known.
pub(super) fn cpu_use(expression: &str) -> Option<CpuUse> {
    let text = words(expression);
    let job = between(&text, "job=\"", "\"")?;
    let window = between(&text, "[", "]")?;
    (words(&busy(job, window)) == text).then_some(())?;
    Some(CpuUse {
        job: job.to_owned(),
        window: humantime::parse_duration(window).ok()?,
    })
}

/// Reads an expression over a recorded CPU use; `None` when it is not of the form that is known.
pub(super) fn parse(expression: &str, recorded: &BTreeMap<String, CpuUse>) -> Option<CpuQuery> {
    let text = words(expression);
    let name = text.split(' ').find(|word| recorded.contains_key(*word))?;
    let CpuUse { job, window } = &recorded[name];
    let young = between(&text, "node_boot_time_seconds{job=\"", ")")?;
    let (_, young) = young.split_once(">= ")?;
    let quorum = text.split_once(" * count (");
    let quorum = quorum.and_then(|(before, _)| before.rsplit(' ').next());
    let known = match quorum {
        None => left_out(name, job, young),
        Some(quorum) => silence(name, job, young, quorum),
    };
    (words(&known) == text).then_some(())?;
    Some(CpuQuery {
        job: job.clone(),
        window: *window,
        young_for: Duration::from_secs(young.parse().ok()?),
        young: quorum.map_or(Young::LeftOut, |_| Young::Silence),
        quorum: quorum.map_or(Some(0.0), |quorum| quorum.parse().ok())?,
    })
}

/// Reads a number of members by request rate; `None` when it is not of the form that is known.
pub(super) fn requests(expression: &str) -> Option<RequestQuery> {
    let text = words(expression);
    let job = between(&text, "job=\"", "\"")?;
    let window = between(&text, "[", "]")?;
    let per_member = text.rsplit_once("/ ")?.1.strip_suffix(" )")?;
    (words(&rate_over(job, window, per_member)) == text).then_some(())?;
    let per_member: f64 = per_member.parse().ok()?;
    (per_member.is_finite() && per_member > 0.0).then_some(())?;
    Some(RequestQuery {
        job: job.to_owned(),
        window: humantime::parse_duration(window).ok()?,
        per_member,
    })
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0.trim())
}

/// An expression without what only lays it out.
fn words(expression: &str) -> String {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.join(" ")
}

/// CPU use of every member that reports.
fn busy(job: &str, window: &str) -> String {
    format!(
        "( sum by (instance) (rate(node_cpu_seconds_total{{job=\"{job}\",mode!=\"idle\"}}[{window}])) \
         / sum by (instance) (rate(node_cpu_seconds_total{{job=\"{job}\"}}[{window}])) >= 0 ) \
         and on (instance) up{{job=\"{job}\"}} == 1"
    )
}

/// The members that all requests need.
fn rate_over(job: &str, window: &str, per_member: &str) -> String {
    format!(
        "ceil(sum(rate(slow_app_requests_received_total{{job=\"{job}\"}}[{window}])) / {per_member})"
    )
}

fn old(job: &str, young: &str) -> String {
    format!(
        "on (instance) node_time_seconds{{job=\"{job}\"}} - node_boot_time_seconds{{job=\"{job}\"}} >= {young}"
    )
}

fn left_out(name: &str, job: &str, young: &str) -> String {
    format!("avg( {name} and {} )", old(job, young))
}

fn silence(name: &str, job: &str, young: &str, quorum: &str) -> String {
    format!(
        "avg( {name} ) unless on () ( {name} unless {} ) \
         and on () ( count( {name} ) >= {quorum} * count(up{{job=\"{job}\"}}) )",
        old(job, young)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorded() -> BTreeMap<String, CpuUse> {
        let expressions = [
            ("pool:rate20s", "exoscale", "20s"),
            ("pool:rate1m", "pool", "1m"),
        ];
        let uses = expressions.map(|(name, job, window)| {
            let cpu = cpu_use(&busy(job, window)).expect("it is known");
            (name.to_owned(), cpu)
        });
        uses.into()
    }

    #[test]
    fn both_forms_are_read() {
        let recorded = recorded();
        let up = parse(&left_out("pool:rate20s", "exoscale", "45"), &recorded);
        let up = up.expect("it is known");
        assert_eq!(up.window, Duration::from_secs(20));
        assert_eq!(
            (up.young_for, up.young),
            (Duration::from_secs(45), Young::LeftOut)
        );
        let down = parse(&silence("pool:rate1m", "pool", "90", "0.8"), &recorded);
        let down = down.expect("it is known");
        assert_eq!((down.job.as_str(), down.young), ("pool", Young::Silence));
        assert!((down.quorum - 0.8).abs() < 1e-9);
        // A name that nothing is recorded under, and the members of another job.
        assert_eq!(
            parse(&left_out("pool:rate5m", "exoscale", "45"), &recorded),
            None
        );
        assert_eq!(
            parse(&left_out("pool:rate1m", "exoscale", "45"), &recorded),
            None
        );
    }

    #[test]
    fn a_request_rate_is_read_over_a_positive_number_alone() {
        let read = requests(&rate_over("slow-app", "20s", "7.5")).expect("it is known");
        assert_eq!(
            (read.job.as_str(), read.window),
            ("slow-app", Duration::from_secs(20))
        );
        assert!((read.per_member - 7.5).abs() < 1e-9);
        for wrong in ["0", "-1", "NaN", "inf", "", "REQUESTS_PER_MEMBER", "2 / 3"] {
            assert_eq!(
                requests(&rate_over("slow-app", "20s", wrong)),
                None,
                "{wrong}"
            );
        }
    }

    proptest! {
        #[test]
        fn an_expression_that_lost_a_word_is_another(place in 0_usize..60) {
            for whole in [
                left_out("pool:rate1m", "pool", "90"),
                silence("pool:rate1m", "pool", "90", "0.8"),
            ] {
                let whole = words(&whole);
                let mut parts: Vec<&str> = whole.split(' ').collect();
                parts.remove(place % parts.len());
                prop_assert_eq!(parse(&parts.join(" "), &recorded()), None);
            }
            let whole = words(&rate_over("pool", "20s", "7.5"));
            let mut parts: Vec<&str> = whole.split(' ').collect();
            parts.remove(place % parts.len());
            prop_assert_eq!(requests(&parts.join(" ")), None);
            let whole = words(&busy("pool", "1m"));
            let mut parts: Vec<&str> = whole.split(' ').collect();
            parts.remove(place % parts.len());
            prop_assert_eq!(cpu_use(&parts.join(" ")), None);
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,80}") {
            parse(&text, &recorded());
            cpu_use(&text);
            requests(&text);
        }
    }
}
