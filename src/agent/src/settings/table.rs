//! The one table of settings: key, kind, bounds, default, and a sentence for each.
//!
//! The most that a value may be is far beyond what is useful. It keeps sums and products of
//! settings from overflow, so that no value can make the agent panic, and it turns a slip of the
//! unit into an error.

use std::time::Duration;

use policy::thresholds;
use program::time_text::{DAY, HOUR, MINUTE, SECOND};

use super::setting::{
    AtSpeed, Kind, Setting,
    Unset::{Optional, Otherwise, Port, Required, Share, Text},
    setting,
};
use crate::target::DEFAULT_ZONE;

/// Where the agent listens for alerts, metrics and the page, unless it is set.
pub const ALERTS_PORT: u16 = 8090;

const NONE: Duration = Duration::ZERO;
const MOMENT: Duration = Duration::from_millis(10);
const TENTH: Duration = Duration::from_millis(100);

/// Exoscale's pools have a lower limit, by the account's quota.
const MOST_MEMBERS: u32 = 10_000;
/// A member serves on when a drain was not renewed for a minute (`slow-app --drain-lease`).
const LONGEST_DRAIN_POLL: Duration = Duration::from_secs(20);
/// Connections are kept no longer than this for a body.
const LONGEST_BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Some 17,000 a second; any API refuses that.
const MOST_CALLS_PER_MINUTE: u32 = 1_000_000;

const MEMBERS: Kind = Kind::Count {
    least: 1,
    most: MOST_MEMBERS,
};

const fn divided(least: Duration, most: Duration) -> Kind {
    Kind::Duration {
        least,
        most,
        at_speed: AtSpeed::Divided,
    }
}

const fn not_scaled(why: &'static str, least: Duration, most: Duration) -> Kind {
    Kind::Duration {
        least,
        most,
        at_speed: AtSpeed::NotScaled(why),
    }
}

/// Every setting, by section.
#[rustfmt::skip]
pub(super) const TABLE: &[Setting] = &[
    setting("exoscale.key", Kind::ApiKey, Required,
        "The API key that the agent signs with.")
        .variables(&["EXOSCALE_API_KEY", "EXOSCALE_KEY"]),
    setting("exoscale.secret", Kind::Secret("the API secret"), Required,
        "The secret of the API key.")
        .variables(&["EXOSCALE_API_SECRET", "EXOSCALE_SECRET"]),
    setting("exoscale.zone", Kind::Text("a zone such as at-vie-1"), Text(DEFAULT_ZONE),
        "The zone of the pool.")
        .variables(&["EXOSCALE_ZONE"]),
    setting("exoscale.endpoint", Kind::Endpoint, Optional,
        "The API to call instead of the zone's own.")
        .variables(&["EXOSCALE_API_ENDPOINT"]),
    setting("exoscale.instance_pool", Kind::Id("the id of the instance pool"), Required,
        "The pool to scale.")
        .variables(&["EXOSCALE_INSTANCEPOOL_ID"]),
    setting("exoscale.load_balancer", Kind::Id("the id of a load balancer"), Optional,
        "The load balancer in front of the pool, which knows which members are healthy."),
    setting("exoscale.calls_per_minute", Kind::PerMinute { least: 1, most: MOST_CALLS_PER_MINUTE }, Text("120"),
        "How many calls of the API the agent makes at most."),
    setting("exoscale.request_timeout",
        not_scaled("a request takes its time at any speed", TENTH, Duration::from_secs(600)), Text("10s"),
        "How long one request to the API may take."),
    setting("exoscale.operation_timeout",
        not_scaled("it only ends an operation that hangs", SECOND, DAY), Text("10m"),
        "How long an operation of the API may take until the agent calls it failed."),

    setting("scaling.min_size", MEMBERS, Text("1"),
        "The smallest size of the pool."),
    setting("scaling.max_size", MEMBERS, Text("10"),
        "The largest size of the pool."),
    setting("scaling.mode", Kind::Choice(&["on", "scale-out-only", "recommend", "pinned=N"]), Text("on"),
        "What the agent may do; `recommend` records decisions and changes nothing."),
    setting("scaling.cooldown", divided(SECOND, DAY), Text("60s"),
        "The pool changes at most once in this time.")
        .formerly(&["scaling.window"]),
    setting("scaling.max_read_age", divided(TENTH, HOUR), Text("10s"),
        "How old a read of the pool may be when the agent acts on it."),
    setting("scaling.retry", divided(TENTH, HOUR), Text("5s"),
        "The pause before the agent looks again while the pool is busy or cannot be read."),

    setting("scale_out.step", Kind::Step, Text("1"),
        "How many members one scale-out adds, unless the alert asks for more; a share is rounded up."),
    setting("scale_out.severity", Kind::Severity, Text("0.95: 400%"),
        "The step for an \"up\" alert whose value, the average CPU use, is above a share; `none` for no such steps."),
    setting("scale_out.max_step", Kind::Step, Text("10"),
        "The most that one scale-out adds, whatever asks for it; a schedule's minimum is reached at once."),
    setting("scale_out.at_least_lifetime", divided(SECOND, DAY), Text("2m"),
        "How long an alert holds that asks for at least so many members."),
    setting("scale_out.alert_lifetime", divided(SECOND, DAY), Text("5m"),
        "How long an \"up\" alert waits for its action at most."),
    setting("scale_out.max_unready", Kind::Members, Text("3 or 50%"),
        "Scale-out stops while more members than this are missing or cannot serve."),
    setting("scale_out.capacity_pause", divided(SECOND, DAY), Text("5m"),
        "The first pause after the provider had no capacity; each further one doubles."),
    setting("scale_out.capacity_pause_max", divided(SECOND, DAY), Text("30m"),
        "The longest pause after the provider had no capacity."),

    setting("scale_in.step", Kind::Step, Text("50%"),
        "How many members one scale-in removes; a share is rounded down, and is below 100%."),
    setting("scale_in.alert_lifetime", divided(SECOND, DAY), Text("3m"),
        "How long a \"down\" alert waits for its action at most."),
    setting("scale_in.stabilisation", divided(NONE, DAY), Text("2m"),
        "No scale-in for this long after an \"up\" alert or a scale-out."),
    setting("scale_in.warm_up", divided(NONE, DAY), Text("2m"),
        "No scale-in while a member is younger than this."),

    setting("drain.mode", Kind::Choice(&["none", "http", "wait=30s"]), Text("http"),
        "What happens before a member is removed: nothing, `POST /drain`, or a wait; `drain.enabled` is the old spelling of `http` or `none`.")
        .formerly(&["drain.enabled"]),
    setting("drain.port", Kind::Port { least: 1 }, Port(8080),
        "The port where members take `POST /drain`."),
    setting("drain.token", Kind::Secret("a token"), Optional,
        "The token that members ask for at `POST /drain`."),
    setting("drain.timeout", not_scaled("requests take their time at any speed", NONE, HOUR), Text("30s"),
        "A member is removed after this time even if requests are left."),
    setting("drain.poll", divided(MOMENT, LONGEST_DRAIN_POLL), Text("2s"),
        "The pause between two questions whether a member has requests left."),

    setting("discovery.file", Kind::Path("the path of a file"), Text("/srv/service-discovery/config.json"),
        "The service discovery file that Prometheus reads."),
    setting("discovery.interval", divided(TENTH, HOUR), Text("10s"),
        "The pause between two reads of the members."),
    setting("discovery.confirm_after", divided(NONE, MINUTE), Text("1s"),
        "The pause before the second read that confirms that a member is gone."),
    setting("discovery.addresses", Kind::Choice(&["public", "private", "ipv6"]), Text("public"),
        "Which address of a member the file names."),
    setting("discovery.target_port", Kind::Port { least: 1 }, Port(9100),
        "The port of the node exporter on each member.")
        .variables(&["TARGET_PORT"]),
    setting("discovery.labels", Kind::Table, Optional,
        "Labels that the file puts on every member."),

    setting("alerts.address", Kind::IpAddress, Otherwise("`0.0.0.0`; `127.0.0.1` while anyone may send alerts"),
        "The address that the agent listens on."),
    setting("alerts.port", Kind::Port { least: 0 }, Port(ALERTS_PORT),
        "The port for alerts, metrics and the page; 0 takes any free one.")
        .variables(&["LISTEN_PORT"]),
    setting("alerts.token", Kind::Secret("a token"), Optional,
        "The bearer token that senders of alerts must show."),
    setting("alerts.user", Kind::Text("a user name"), Optional,
        "The user name that senders may show instead, with the password."),
    setting("alerts.password", Kind::Secret("a password"), Optional,
        "The password that belongs to `alerts.user`."),
    setting("alerts.hmac_secret", Kind::Secret("a secret"), Optional,
        "The secret of senders that sign their alerts with HMAC-SHA256."),
    setting("alerts.hmac_header", Kind::Header, Text("X-Grafana-Alerting-Signature"),
        "The header that holds the signature."),
    setting("alerts.hmac_timestamp_header", Kind::Header, Optional,
        "The header that holds the signed time of sending."),
    setting("alerts.allow_unauthenticated", Kind::Flag, Text("false"),
        "Whether others than this machine may send alerts without a token, password or signature; `LISTEN_PORT` allows it, too."),
    setting("alerts.protect_reads", Kind::Flag, Text("false"),
        "Whether the page, `/status`, `/decisions`, `/history`, `/metrics` and `/sd` ask for the token or the password, too."),
    setting("alerts.allowed_hosts", Kind::Hosts, Optional,
        "Further names of this machine, by which a sender without a token may ask for it."),
    setting("alerts.direction_label", Kind::Text("the name of a label"), Text("scale"),
        "The label of an alert that says what it asks for: `up`, `down` or `at-least`."),
    setting("alerts.value", Kind::Text("the name of a value"), Text("A"),
        "Which of the values that Grafana lists with an alert its rule looked at; the annotation `value` wins over it."),
    setting("alerts.body_timeout",
        not_scaled("senders are no faster", TENTH, LONGEST_BODY_TIMEOUT), Text("5s"),
        "How long a sender may take for the body of an alert."),

    setting("control.token", Kind::Secret("a token"), Optional,
        "The bearer token for orders at `PUT /control`, another one than `alerts.token`; nobody gives orders without it.")
        .variables(&["AUTOSCALER_CONTROL_TOKEN"]),
    setting("control.max_size", MEMBERS, Text("10000"),
        "The largest size that ordered limits may allow."),

    setting("lease.bucket", Kind::Text("the name of a bucket"), Optional,
        "The bucket of the lease that lets one of several agents act; without it, this agent always acts."),
    setting("lease.duration", not_scaled("the store is no faster", SECOND, HOUR), Text("15s"),
        "How long a lease lasts that its holder does not renew; another agent takes over after it."),
    setting("lease.prefix", Kind::Text("what the names of objects begin with"), Text("autoscaler/"),
        "What the name of the lease's object begins with; the pool's id follows."),
    setting("lease.endpoint", Kind::Page, Otherwise("the zone's SOS"),
        "The store of the lease, compatible with S3, which must heed `If-None-Match` and `If-Match` of writes."),
    setting("lease.key", Kind::ApiKey, Otherwise("`exoscale.key`"),
        "The key for the store of the lease."),
    setting("lease.secret", Kind::Secret("the secret of `lease.key`"), Otherwise("`exoscale.secret`"),
        "The secret of that key."),

    setting("tls.certificate", Kind::Path("a file with a certificate in PEM"), Optional,
        "The certificate for HTTPS, with those between it and its authority; read again when it changes."),
    setting("tls.key", Kind::Path("a file with a private key in PEM"), Optional,
        "The private key of the certificate."),
    setting("thresholds.up", Kind::Share, Share(thresholds::UP),
        "The CPU use above which monitoring alerts \"up\"; the agent only shows it."),
    setting("thresholds.down", Kind::Share, Share(thresholds::DOWN),
        "The CPU use below which monitoring alerts \"down\"; the agent only shows it."),

    setting("pool", Kind::Pools, Optional,
        "Tables, one for each pool of several, with what is another for it than for the rest."),

    setting("schedule", Kind::Schedule, Optional,
        "Rows of days, times, a time zone and limits: sizes that the pool has meanwhile without an alert."),

    setting("links.grafana", Kind::Page, Optional,
        "Where the page's link to Grafana leads, such as to a dashboard."),
    setting("links.prometheus", Kind::Page, Optional,
        "Where the page's link to Prometheus leads."),

    setting("journal.directory", Kind::Path("a folder"), Text("/var/lib/autoscaler"),
        "The folder of the journal that keeps the cooldown across restarts."),

    setting("log.format", Kind::Choice(&["text", "json"]), Text("text"),
        "The form of the log."),
];

/// The setting with this key, or that once had it.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    TABLE
        .iter()
        .find(|setting| setting.names().any(|known| known == name))
}

/// The setting that was probably meant.
pub(super) fn nearest(name: &str) -> Option<&'static Setting> {
    /// No name that is longer is near to any.
    const LONGEST: usize = 100;
    if name.len() > LONGEST {
        return None;
    }
    let distance = |setting: &Setting| {
        let names = setting.names();
        names.map(|known| strsim::levenshtein(known, name)).min()
    };
    let near = TABLE
        .iter()
        .filter_map(|setting| Some((distance(setting)?, setting)));
    let (distance, setting) = near.min_by_key(|(distance, _)| *distance)?;
    // Something that is half different is not what was meant.
    (distance * 2 <= name.len()).then_some(setting)
}

/// Keys outside those sections that hold for one pool.
const OF_POOL: [&str; 3] = [
    "exoscale.instance_pool",
    "exoscale.load_balancer",
    "exoscale.operation_timeout",
];

/// Sections whose settings all hold for one pool.
const SECTIONS_OF_POOL: [&str; 7] = [
    "scaling",
    "scale_out",
    "scale_in",
    "drain",
    "discovery",
    "thresholds",
    "schedule",
];

/// Whether a setting may be another for each pool.
pub(super) fn is_of_pool(key: &str) -> bool {
    let section = key.split('.').next().unwrap_or_default();
    OF_POOL.contains(&key) || SECTIONS_OF_POOL.contains(&section)
}

/// What an error says after "unknown setting".
pub(super) fn hint(name: &str) -> String {
    nearest(name).map_or_else(
        || "; `autoscaler check-config --explain` lists what can be set".to_owned(),
        |near| format!("; did you mean `{}`?", near.key),
    )
}
