//! Makes the program's settings of single values, and checks those that depend on each other.

use std::{
    net::IpAddr,
    num::NonZeroU16,
    path::{Path, PathBuf},
};

use actix_web::http::header::HeaderName;
use jiff::Timestamp;
use policy::{MaxUnready, Mode, Rules, SeverityTable, Size, StepSize};
use program::telemetry::LogFormat;
use schedule::{Entry, EntrySettings, Schedule};

use super::{
    alerts::alerts,
    control::control,
    lease::{Known, lease},
    merged::Merged,
    pools::{calls_suffice, pools},
    reader::{Readable, Reader},
    rules::rules,
    setting::Kind,
};
use crate::{
    config::{
        AddressKind, Config, Discovery, Drain, DrainMode, Links, PageUrl, PoolConfig, PoolName,
        Thresholds, Token,
    },
    journal::journal_in,
    target::{ApiKey, ApiSecret, ClientConfig, Endpoint, LoadBalancerId, PoolId, TargetConfig},
    webhook_receiver::HostNames,
};

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The agent's part.
    pub agent: Config,
    /// The form of the log.
    pub log_format: LogFormat,
}

macro_rules! readable {
    ($($type:ty: $kind:pat),* $(,)?) => {
        $(impl Readable for $type {
            fn fits(kind: &Kind) -> bool {
                matches!(kind, $kind)
            }
        })*
    };
}

readable! {
    ApiKey: Kind::ApiKey,
    ApiSecret: Kind::Secret(_),
    Token: Kind::Secret(_),
    Endpoint: Kind::Endpoint,
    PoolId: Kind::Id(_),
    LoadBalancerId: Kind::Id(_),
    String: Kind::Text(_),
    PathBuf: Kind::Path(_),
    Mode: Kind::Choice(_),
    AddressKind: Kind::Choice(_),
    DrainMode: Kind::Choice(_),
    LogFormat: Kind::Choice(_),
    MaxUnready: Kind::Members,
    StepSize: Kind::Step,
    SeverityTable: Kind::Severity,
    bool: Kind::Flag,
    f64: Kind::Share,
    u16: Kind::Port { least: 0 },
    NonZeroU16: Kind::Port { least: 1 },
    IpAddr: Kind::IpAddress,
    HostNames: Kind::Hosts,
    HeaderName: Kind::Header,
    PageUrl: Kind::Page,
}

/// Reads everything; `None` when something was wrong, which the reader knows.
pub(super) fn read(r: &mut Reader<'_>, merged: &Merged) -> Option<Settings> {
    // Each part is read before any is given up, so that every mistake is found.
    let zone = r.required::<String>("exoscale.zone");
    let client = client(r, zone.as_deref());
    let state_directory = r.required::<PathBuf>("journal.directory");
    let shared = Shared {
        client: client.as_ref(),
        zone: zone.as_deref(),
    };
    let read = pools(r, merged, state_directory.as_deref(), shared);
    let (pools, receiver) = read.map(|read| (read.pools, read.receiver)).unzip();
    let alerts = alerts(r, receiver);
    let control = control(r, alerts.as_ref());
    let links = Links {
        grafana: r.optional("links.grafana"),
        prometheus: r.optional("links.prometheus"),
    };
    let log_format = r.required("log.format");
    if let (Some(client), Some(pools)) = (&client, &pools) {
        calls_suffice(r, client, pools.len());
    }
    let pools = pools?;
    let rounds = pools.iter().map(|pool| pool.discovery.interval);
    Some(Settings {
        agent: Config {
            client: ClientConfig {
                // A key that is refused is tried again in every third round.
                probe_refused_after: rounds.max().unwrap_or_default() * 3,
                ..client?
            },
            pools,
            alerts: alerts?,
            control: control?,
            state_directory: state_directory?,
            zone: zone?,
            links,
        },
        log_format: log_format?,
    })
}

/// What all pools have in common, as far as it is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared<'a> {
    pub(super) client: Option<&'a ClientConfig>,
    pub(super) zone: Option<&'a str>,
}

/// Reads what one pool has for itself. `journal` is the folder of its journal.
pub(super) fn pool(
    r: &mut Reader<'_>,
    name: Option<PoolName>,
    journal: Option<PathBuf>,
    shared: Shared<'_>,
) -> Option<PoolConfig> {
    let pool = r.required("exoscale.instance_pool");
    let load_balancer = r.optional("exoscale.load_balancer");
    let operation_timeout = r.duration("exoscale.operation_timeout");
    let rules = rules(r);
    let mode = r.required::<Mode>("scaling.mode");
    let drain = drain(r);
    let discovery = discovery(r);
    let lease = lease(
        r,
        &Known {
            client: shared.client,
            zone: shared.zone,
            pool,
        },
    );
    let schedule = schedule(r, rules.as_ref());
    two_files(r, discovery.as_ref(), journal.as_deref());
    let thresholds = thresholds(r, rules.as_ref());
    pinned_inside(r, mode, rules.as_ref());
    Some(PoolConfig {
        name,
        target: TargetConfig {
            pool: pool?,
            load_balancer,
            operation_timeout: operation_timeout?,
        },
        rules: rules?,
        mode: mode?,
        drain: drain?,
        discovery: discovery?,
        lease,
        schedule: schedule?,
        thresholds: thresholds?,
        journal: journal?,
    })
}

fn client(r: &mut Reader<'_>, zone: Option<&str>) -> Option<ClientConfig> {
    let key = r.required::<ApiKey>("exoscale.key");
    let secret = r.required::<ApiSecret>("exoscale.secret");
    let endpoint = r.optional::<Endpoint>("exoscale.endpoint");
    let budget = r.count("exoscale.calls_per_minute");
    let request_timeout = r.duration("exoscale.request_timeout");
    let endpoint = match endpoint {
        Some(endpoint) => Some(endpoint),
        None => Endpoint::of_zone(zone?)
            .map_err(|error| r.problem("exoscale.zone", error.to_string()))
            .ok(),
    };
    let request_timeout = request_timeout?;
    let defaults = ClientConfig::for_endpoint(endpoint?, key?, secret?);
    Some(ClientConfig {
        connect_timeout: defaults.connect_timeout.min(request_timeout / 2),
        request_timeout,
        call_deadline: request_timeout * 3,
        budget_per_minute: Some(budget?),
        ..defaults
    })
}

fn drain(r: &mut Reader<'_>) -> Option<Drain> {
    let mode = r.required::<DrainMode>("drain.mode");
    let port = r.required::<NonZeroU16>("drain.port");
    let token = r.optional("drain.token");
    let timeout = r.duration("drain.timeout");
    let poll = r.duration("drain.poll");
    Some(Drain {
        mode: mode?,
        port: port?.get(),
        token,
        timeout: timeout?,
        poll: poll?,
    })
}

fn discovery(r: &mut Reader<'_>) -> Option<Discovery> {
    let file = r.required("discovery.file");
    let interval = r.duration("discovery.interval");
    let confirm_after = r.duration("discovery.confirm_after");
    let addresses = r.required("discovery.addresses");
    let target_port = r.required::<NonZeroU16>("discovery.target_port");
    let labels = r.table("discovery.labels");
    Some(Discovery {
        file: file?,
        interval: interval?,
        confirm_after: confirm_after?,
        addresses: addresses?,
        target_port: target_port?.get(),
        labels,
    })
}

fn schedule(r: &mut Reader<'_>, rules: Option<&Rules>) -> Option<Schedule> {
    const KEY: &str = "schedule";
    let rows = r.rows::<EntrySettings>(KEY);
    let given = rows.len();
    let mut entries = Vec::new();
    for (name, row) in rows {
        let max = rules.map(|rules| rules.bounds.max().0);
        match Entry::try_from(row) {
            Ok(entry) if max.is_some_and(|max| entry.settings().min_size > max) => {
                let min = entry.settings().min_size;
                let max = max.unwrap_or_default();
                if r.blamed(&[KEY, "scaling.max_size"]) == KEY {
                    let what = format!("min_size: is {min}, larger than scaling.max_size, {max}");
                    r.problem_of(name, KEY, what);
                } else {
                    let what = format!("is {max}, smaller than min_size of {name}, {min}");
                    r.problem("scaling.max_size", what);
                }
            }
            Ok(entry) => entries.push(entry),
            Err(error) => r.problem_of(name, KEY, error.to_string()),
        }
    }
    if entries.len() < given {
        return None;
    }
    Schedule::new(entries, Timestamp::now())
        .map_err(|overlap| r.problem(KEY, overlap.to_string()))
        .ok()
}

fn thresholds(r: &mut Reader<'_>, rules: Option<&Rules>) -> Option<Thresholds> {
    let up = r.share("thresholds.up");
    let down = r.share("thresholds.down");
    let (up, down) = (up?, down?);
    if down >= up {
        r.contradiction([
            (
                "thresholds.down",
                format!("is {down}, and must be below thresholds.up, {up}"),
            ),
            (
                "thresholds.up",
                format!("is {up}, and must be above thresholds.down, {down}"),
            ),
        ]);
        return None;
    }
    if let Some(rules) = rules
        && let Some((from, to)) = flap(rules, up, down)
    {
        let step = rules.scale_in.step;
        let key = r.blamed(&["thresholds.down", "thresholds.up", "scale_in.step"]);
        r.problem(key, format!(
            "would flap: at thresholds.down = {down}, a pool shrunk by scale_in.step = {step} from {from} to {to} can be above thresholds.up = {up} at once; lower thresholds.down or scale_in.step"
        ));
    }
    Some(Thresholds { up, down })
}

/// A scale-in that an "up" alert would follow at once: the load of the members before it, which
/// just alerts "down", is above the other threshold on those that are left.
fn flap(rules: &Rules, up: f64, down: f64) -> Option<(u32, u32)> {
    let (min, max) = (rules.bounds.min().0, rules.bounds.max().0);
    let shrunk = (min + 1..=max).map(|from| {
        let step = rules.scale_in.step.to_remove(Size(from));
        (from, from.saturating_sub(step).max(min))
    });
    let mut flapping = shrunk.filter(|(from, to)| down * f64::from(*from) / f64::from(*to) >= up);
    flapping.next()
}

/// The journal would overwrite the service discovery file, and the other way round.
fn two_files(r: &mut Reader<'_>, discovery: Option<&Discovery>, state_directory: Option<&Path>) {
    if let (Some(discovery), Some(folder)) = (discovery, state_directory)
        && discovery.file == journal_in(folder)
    {
        let key = r.blamed(&["discovery.file", "journal.directory"]);
        let what = "the journal would be the service discovery file; choose another name or folder";
        r.problem(key, what.to_owned());
    }
}

fn pinned_inside(r: &mut Reader<'_>, mode: Option<Mode>, rules: Option<&Rules>) {
    if let (Some(Mode::Pinned(size)), Some(rules)) = (mode, rules)
        && rules.bounds.clamp(size) != size
    {
        let (min, max) = (rules.bounds.min(), rules.bounds.max());
        let pins = "pins a size outside scaling.min_size and scaling.max_size";
        let outside = ("scaling.mode", format!("{pins}, {min} to {max}"));
        let limit = if size > max {
            let what = format!("is {max}, smaller than the size that scaling.mode pins, {size}");
            ("scaling.max_size", what)
        } else {
            let what = format!("is {min}, larger than the size that scaling.mode pins, {size}");
            ("scaling.min_size", what)
        };
        r.contradiction([outside, limit]);
    }
}
