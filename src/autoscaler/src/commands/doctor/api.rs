//! Whether the API answers, agrees about the time, and knows the key, the zone and the pool.

use exoscale::{
    Client, ErrorKind,
    models::InstancePool,
    probe::{Answered, Question},
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{report::Report, subject::Subject};

/// The zones that there are.
const ZONES: &str = "ch-gva-2, ch-dk-2, de-fra-1, de-muc-1, at-vie-1, at-vie-2, bg-sof-1, hr-zag-1";
/// Signatures are good for ten minutes, those of Grafana for five; a watch is better than this.
const CLOCKS_AGREE: f64 = 30.0;
const CLOCKS_DIFFER: f64 = 300.0;

/// Reads the pool, which most of the checks rest on.
pub(super) async fn examine(
    subject: &Subject,
    client: &Client,
    report: &mut Report,
) -> Option<InstancePool> {
    report.group("exoscale-api");
    let host = subject.endpoint().host();
    let title = format!("API answers at {host}");
    let pool = Question::Read(format!("/instance-pool/{}", subject.pool), Vec::new());
    let answered = match client.ask(&pool).await {
        Ok(answered) => answered,
        Err(silence) => {
            report.failed("api-answers", title, silence.to_string(), reach(subject));
            return None;
        }
    };
    if answered.status >= 500 {
        let detail = refusal(&answered);
        let fix = "wait and try again; https://www.exoscalestatus.com says whether the API is down";
        report.failed("api-answers", title, detail, fix);
        return None;
    }
    report.passed("api-answers", title);
    clocks(&answered, report);
    if !key(subject, client, &answered, report).await {
        return None;
    }
    zone(subject, client, report).await;
    the_pool(subject, &answered, report)
}

fn reach(subject: &Subject) -> String {
    let host = subject.endpoint().host();
    if subject.is_zones_own() {
        format!(
            "is exoscale.zone right? It is \"{}\"; the zones are {ZONES}. If it is, let this machine \
             reach {host} at port 443 (a proxy is taken from HTTPS_PROXY)",
            subject.zone
        )
    } else {
        format!("exoscale.endpoint names {host}: correct it, or leave it out for the zone's own")
    }
}

fn clocks(answered: &Answered, report: &mut Report) {
    let id = "clock";
    let Some(date) = answered.date else {
        let why = "the API's answer has no header Date";
        return report.skipped(id, "clock agrees with the API's", why);
    };
    // The header has whole seconds, cut off: on average it is half a second old.
    let ours = answered.received.duration_since(date).as_secs_f64() - 0.5;
    let (apart, side) = (ours.abs(), if ours > 0.0 { "ahead" } else { "behind" });
    if apart < CLOCKS_AGREE {
        return report.passed(id, "clock agrees with the API's");
    }
    let title = "clock agrees with the API's";
    let detail = format!(
        "this machine's clock is {apart:.0} s {side}, at {}",
        Timestamp::now()
    );
    let fix = "let this machine take its time from the network: timedatectl set-ntp true";
    if apart < CLOCKS_DIFFER {
        report.warned(id, title, detail, fix);
    } else {
        let detail = format!("{detail}; requests are signed for ten minutes and are then refused");
        report.failed(id, title, detail, fix);
    }
}

/// Wrong credentials and a right that the role lacks have the same status. A key that is refused
/// whatever it asks, and always for the same reason, is not known.
async fn key(subject: &Subject, client: &Client, answered: &Answered, report: &mut Report) -> bool {
    let title = "API knows the key";
    let Some(ErrorKind::Unauthorized { status, message }) = &answered.refusal else {
        report.passed("key", title);
        return true;
    };
    if *status == 403 {
        let others = ["/zone".to_owned(), format!("/operation/{}", Uuid::nil())];
        for path in others {
            let other = client.ask(&Question::Read(path, Vec::new())).await;
            let other = other.ok().and_then(|other| other.refusal);
            let is_same = matches!(
                &other,
                Some(ErrorKind::Unauthorized { message: said, .. }) if said == message
            );
            if !is_same {
                report.passed("key", title);
                return true;
            }
        }
    }
    report.failed(
        "key",
        title,
        format!("HTTP {status} whatever is asked: {message}"),
        format!(
            "give the key and its secret as EXOSCALE_API_KEY and EXOSCALE_API_SECRET: both are of \
             one pair, of the account of pool {}, and the clock above must be right",
            subject.pool
        ),
    );
    false
}

/// The host of a zone that does not exist does not answer; another endpoint may be of any zone.
async fn zone(subject: &Subject, client: &Client, report: &mut Report) {
    let (id, zone) = ("zone", &subject.zone);
    let title = format!("zone {zone} exists");
    if subject.is_zones_own() {
        return report.passed(id, title);
    }
    let zones = Question::Read("/zone".to_owned(), Vec::new());
    let listed = match client.ask(&zones).await {
        Ok(answered) if answered.refusal.is_none() => answered.body,
        Ok(_) => {
            let why = "the key may not list zones; the pool below is looked for in this one";
            return report.skipped(id, title, why);
        }
        Err(silence) => return report.skipped(id, title, silence.to_string()),
    };
    let document = serde_json::from_slice::<serde_json::Value>(&listed).unwrap_or_default();
    let zones = document["zones"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = zones
        .iter()
        .filter_map(|zone| zone["name"].as_str())
        .collect();
    if names.contains(&zone.as_str()) {
        report.passed(id, title);
    } else {
        let detail = format!("this API has {}", names.join(", "));
        report.failed(id, title, detail, "correct exoscale.zone (EXOSCALE_ZONE)");
    }
}

fn the_pool(subject: &Subject, answered: &Answered, report: &mut Report) -> Option<InstancePool> {
    let (id, title) = ("pool-exists", format!("pool {} can be read", subject.pool));
    match &answered.refusal {
        None => match serde_json::from_slice::<InstancePool>(&answered.body) {
            Ok(pool) => {
                let members = pool.size;
                let title = format!("pool \"{}\" can be read, of size {members}", pool.name);
                report.passed(id, title);
                Some(pool)
            }
            Err(error) => {
                let fix = "is exoscale.endpoint the API? It ends in /v2";
                report.failed(id, title, format!("the answer is no pool: {error}"), fix);
                None
            }
        },
        Some(ErrorKind::NotFound { message }) => {
            report.failed(
                id,
                title,
                format!("HTTP 404: {message}"),
                format!(
                    "correct exoscale.instance_pool or exoscale.zone: `exo compute instance-pool \
                     list -z {}` lists the pools of the zone with their ids",
                    subject.zone
                ),
            );
            None
        }
        Some(ErrorKind::Unauthorized { message, .. }) => {
            report.failed(
                id,
                title,
                format!("HTTP 403: {message}"),
                "let the key's IAM role allow the operation get-instance-pool: `autoscaler init` \
                 writes the whole role",
            );
            None
        }
        Some(_) => {
            report.failed(
                id,
                title,
                refusal(answered),
                "is exoscale.endpoint the API?",
            );
            None
        }
    }
}

/// Why an answer is no success, for people.
pub(super) fn refusal(answered: &Answered) -> String {
    let refusal = answered.refusal.as_ref();
    refusal.map_or_else(|| format!("HTTP {}", answered.status), ToString::to_string)
}
