//! Whether the members are reached: their node exporters, and what they say to a drain. Nobody is
//! drained.

use std::net::{IpAddr, SocketAddr};

use agent::AddressKind;
use exoscale::{
    Client,
    models::{Instance, InstanceState},
};
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::Value;

use super::{report::Report, subject::Subject};
use crate::commands::http::{Answer, Http};

/// So many are asked; a larger pool has members alike.
const MOST_ASKED: usize = 64;
const AT_ONCE: usize = 16;
/// So many are named.
const NAMED: usize = 4;
/// What the recording and alert rules look at.
const METRICS: [&str; 3] = [
    "node_cpu_seconds_total",
    "node_boot_time_seconds",
    "node_time_seconds",
];

/// A member that runs, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) address: IpAddr,
}

pub(super) async fn list(client: &Client, subject: &Subject) -> Result<Vec<Instance>, String> {
    let listed = client.list_pool_members(subject.pool).await;
    listed.map_err(|error| error.kind.to_string())
}

/// A few names of many.
pub(super) fn some(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Members as the discovery file is to have them: all that do not leave.
pub(super) async fn examine(
    subject: &Subject,
    http: &Http,
    listed: Result<Vec<Instance>, String>,
    report: &mut Report,
) -> Option<Vec<Found>> {
    report.group("members");
    let members = match listed {
        Ok(members) => members,
        Err(why) => {
            report.skipped("members-listed", "members can be listed", why);
            return None;
        }
    };
    let staying: Vec<_> = members.iter().filter(|m| !m.state.is_leaving()).collect();
    let runs = |m: &&&Instance| m.state == InstanceState::Running;
    let running = staying.iter().filter(runs).count();
    if running == 0 {
        let starts = |m: &&&Instance| m.state == InstanceState::Starting;
        let starting = staying.iter().filter(starts).count();
        let fix = if starting > 0 {
            "wait until they run, and try again"
        } else {
            "give the pool at least one member, and see on the portal why none runs"
        };
        let listed = staying.len();
        let found = format!("the pool lists {listed} members, and none runs; {starting} start");
        report.failed("members-listed", "members run", found, fix);
        return None;
    }
    report.passed("members-listed", format!("{running} members run"));
    let found = addresses(subject, &staying, report);
    let running: Vec<Found> = staying
        .iter()
        .filter(runs)
        .filter_map(|m| found.iter().find(|f| f.name == m.name).cloned())
        .take(MOST_ASKED)
        .collect();
    if !running.is_empty() {
        node_exporters(subject, http, &running, report).await;
        drains(subject, http, &running, report).await;
    }
    Some(found)
}

fn addresses(subject: &Subject, members: &[&Instance], report: &mut Report) -> Vec<Found> {
    let kind = subject.discovery.addresses;
    let title = format!("each member has a {} address", kind.as_str());
    let (mut found, mut without, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
    for member in members {
        let name = member.name.clone();
        let address: Option<IpAddr> = match kind {
            AddressKind::Public => member.public_ip.map(Into::into),
            AddressKind::Private => member.private_ip.map(Into::into),
            AddressKind::Ipv6 => member.ipv6_address.map(Into::into),
        };
        match address.map(|address| (address, subject.reach.check(address))) {
            None if member.state == InstanceState::Running => without.push(name),
            None => {}
            Some((address, Ok(()))) => found.push(Found { name, address }),
            Some((address, Err(why))) => unfit.push(format!("{name} has {address}: {why}")),
        }
    }
    if let Some(first) = unfit.first() {
        let fix = "nothing is sent there; set discovery.addresses to the kind that members have";
        report.failed("members-addresses", title, first.clone(), fix);
    } else if without.is_empty() {
        report.passed("members-addresses", title);
    } else {
        report.failed(
            "members-addresses",
            title,
            format!("not: {}", some(&without)),
            "set discovery.addresses to public, private or ipv6, whichever the pool gives its \
             members",
        );
    }
    found
}

async fn node_exporters(subject: &Subject, http: &Http, members: &[Found], report: &mut Report) {
    let port = subject.discovery.target_port;
    let title = format!("each member's node exporter answers on port {port}");
    let asked = stream::iter(members.iter().map(async |member| {
        let url = format!("http://{}/metrics", SocketAddr::new(member.address, port));
        (member.name.clone(), metrics(http, &url).await)
    }));
    let answers: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
    let mut silent: Vec<_> = answers
        .iter()
        .filter_map(|(name, answer)| Some((name.clone(), answer.as_ref().err()?.clone())))
        .collect();
    silent.sort();
    if let Some((_, why)) = silent.first() {
        let names: Vec<String> = silent.iter().map(|(name, _)| name.clone()).collect();
        return report.failed(
            "node-exporters",
            title,
            format!("not: {}; {why}", some(&names)),
            format!(
                "run the Prometheus node exporter on each member (apt install \
                 prometheus-node-exporter), let this machine reach port {port} in their security \
                 group, or set discovery.target_port"
            ),
        );
    }
    report.passed("node-exporters", title);
    let lacks = |page: &String| METRICS.iter().find(|name| !page.contains(**name));
    let lacking = answers
        .iter()
        .find_map(|(name, page)| Some((name, lacks(page.as_ref().ok()?)?)));
    let title = "they serve what the rules look at";
    match lacking {
        None => report.passed("node-metrics", title),
        Some((name, metric)) => report.failed(
            "node-metrics",
            title,
            format!("{name} serves no {metric}"),
            "what answers there must be a node exporter with its collectors cpu, stat and time, \
             which are on by default; is discovery.target_port right?",
        ),
    }
}

async fn metrics(http: &Http, url: &str) -> Result<String, String> {
    let url = url.parse().map_err(|_| "no URL".to_owned())?;
    let answer = http.send(http.get(&url)?).await?;
    if answer.is_success() {
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    } else {
        Err(format!("HTTP {}", answer.status))
    }
}

/// Whether each member serves `/drain`, asked with methods that start none.
async fn drains(subject: &Subject, http: &Http, members: &[Found], report: &mut Report) {
    let port = subject.drain.port;
    let (id, title) = ("drain", format!("each member serves /drain on port {port}"));
    if !subject.drains_over_http() {
        return report.skipped(id, title, subject.drain_in_words());
    }
    let asked = stream::iter(members.iter().map(async |member| {
        let address = SocketAddr::new(member.address, port);
        (member.name.clone(), drain(http, address).await)
    }));
    let answers: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
    let mut without: Vec<_> = answers
        .into_iter()
        .filter_map(|(name, answer)| Some((name, answer.err()?)))
        .collect();
    without.sort();
    let Some((_, why)) = without.first() else {
        return report.passed(
            id,
            format!("{title}; whether its token is right, a drain will show"),
        );
    };
    let names: Vec<String> = without.iter().map(|(name, _)| name.clone()).collect();
    report.failed(
        id,
        title,
        format!("not: {}; {why}", some(&names)),
        "let the application serve POST and DELETE /drain (docs/operating.md has the contract), \
         correct drain.port, or set drain.mode = \"wait=30s\" or \"none\"",
    );
}

async fn drain(http: &Http, member: SocketAddr) -> Result<(), String> {
    let url = format!("http://{member}/drain").parse();
    let url = url.map_err(|_| "no URL".to_owned())?;
    let asked = http
        .send(http.client(&url)?.request(Method::OPTIONS, url.clone()))
        .await?;
    if let Some(verdict) = says_of_drains(&asked) {
        return verdict;
    }
    // Many servers know no OPTIONS.
    let asked = http.send(http.get(&url)?).await?;
    let said = says_of_drains(&asked);
    said.unwrap_or_else(|| Err(format!("GET /drain is answered {}", asked.status)))
}

/// What an answer that is no drain's tells of the path; `None` where it tells nothing.
fn says_of_drains(answer: &Answer) -> Option<Result<(), String>> {
    let allow = answer.headers.get("allow");
    if let Some(allow) = allow.and_then(|allow| allow.to_str().ok()) {
        let allow = allow.to_ascii_uppercase();
        let missing = ["POST", "DELETE"].into_iter().find(|m| !allow.contains(m));
        return Some(match missing {
            None => Ok(()),
            Some(missing) => Err(format!("/drain takes {allow}, and not {missing}")),
        });
    }
    let says_how_many = || {
        let document = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
        document["in_flight"].is_u64()
    };
    match answer.status {
        // The path is there, for other methods; or it is guarded by a token.
        405 | 401 | 403 => Some(Ok(())),
        200..=299 if says_how_many() => Some(Ok(())),
        _ => None,
    }
}
