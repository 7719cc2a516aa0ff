//! Who may send alerts, and where the agent listens for them. Nobody is let in from elsewhere by
//! an omission.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use actix_web::http::header::HeaderName;

use super::reader::Reader;
use crate::{
    config::{Alerts, TlsFiles, Token},
    webhook_receiver::{Authentication, Conventions, Hmac, HostNames, PasswordLogin, Pools},
};

/// What a sender may have to show.
const CREDENTIALS: [&str; 4] = [
    "alerts.token",
    "alerts.user",
    "alerts.password",
    "alerts.hmac_secret",
];

/// The variable of the course, whose containers reach the agent from others and have no token.
const COURSE_PORT: &str = "LISTEN_PORT";

impl FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_safe = text.bytes().all(|b| b.is_ascii_graphic());
        if is_safe {
            Ok(Self::new(text))
        } else {
            Err("holds a space or a character that is not visible ASCII")
        }
    }
}

/// `pools` are those that alerts may be meant for.
pub(super) fn alerts(r: &mut Reader<'_>, pools: Option<Pools>) -> Option<Alerts> {
    let address = r.optional::<IpAddr>("alerts.address");
    let port = r.required::<u16>("alerts.port");
    let authentication = authentication(r);
    let allow_unauthenticated = r.required::<bool>("alerts.allow_unauthenticated");
    let protect_reads = r.required::<bool>("alerts.protect_reads");
    let allowed_hosts = r.optional::<HostNames>("alerts.allowed_hosts");
    let direction_label = r.required("alerts.direction_label");
    let value_name = r.required("alerts.value");
    let body_timeout = r.duration("alerts.body_timeout");
    let tls = tls(r);
    let authentication = authentication?;
    let asks_for_nothing = authentication.is_open() && !r.is_wrong(&CREDENTIALS);
    let allowed = allow_unauthenticated? || r.is_from_variable("alerts.port", COURSE_PORT);
    let address = listen_address(r, address, asks_for_nothing && !allowed);
    if protect_reads == Some(true) && !authentication.protects_reads() && !r.is_wrong(&CREDENTIALS)
    {
        r.problem(
            "alerts.protect_reads",
            "needs something that a reader can show: set alerts.token, or alerts.user and alerts.password".to_owned(),
        );
    }
    Some(Alerts {
        listen: SocketAddr::new(address, port?),
        authentication,
        protect_reads: protect_reads?,
        allowed_hosts: allowed_hosts.unwrap_or_default(),
        conventions: Conventions {
            direction_label: direction_label?,
            value_name: value_name?,
            pools: pools?,
        },
        body_timeout: body_timeout?,
        tls,
    })
}

fn tls(r: &mut Reader<'_>) -> Option<TlsFiles> {
    let certificate = r.optional::<PathBuf>("tls.certificate");
    let key = r.optional::<PathBuf>("tls.key");
    let (missing, other) = match (certificate, key) {
        (Some(certificate), Some(key)) => return Some(TlsFiles { certificate, key }),
        (None, None) => return None,
        (Some(_), None) => ("tls.key", "tls.certificate"),
        (None, Some(_)) => ("tls.certificate", "tls.key"),
    };
    r.problem(missing, format!("is missing, though {other} is set"));
    None
}

/// Where to listen. `only_here` is whether whoever reaches the address could scale.
fn listen_address(r: &mut Reader<'_>, given: Option<IpAddr>, only_here: bool) -> IpAddr {
    const KEY: &str = "alerts.address";
    let Some(address) = given else {
        let address = if only_here {
            Ipv4Addr::LOCALHOST
        } else {
            Ipv4Addr::UNSPECIFIED
        };
        if !r.is_wrong(&[KEY]) {
            r.follows(KEY, address.to_string());
        }
        return address.into();
    };
    if only_here && !address.to_canonical().is_loopback() {
        r.problem(KEY, format!(
            "`{address}` is reached from other machines, and no sender has to show anything: set alerts.token, or listen on 127.0.0.1, or set alerts.allow_unauthenticated = true"
        ));
    }
    address
}

fn authentication(r: &mut Reader<'_>) -> Option<Authentication> {
    let bearer = r.optional("alerts.token");
    let user = r.optional::<String>("alerts.user");
    let password = r.optional::<Token>("alerts.password");
    let secret = r.optional("alerts.hmac_secret");
    let header = r.required::<HeaderName>("alerts.hmac_header");
    let timestamp_header = r.optional::<HeaderName>("alerts.hmac_timestamp_header");
    let basic = match (user, password) {
        (Some(user), Some(password)) => Some(PasswordLogin { user, password }),
        (None, None) => None,
        (Some(_), None) => {
            r.problem(
                "alerts.password",
                "is missing, though alerts.user is set".to_owned(),
            );
            None
        }
        (None, Some(_)) => {
            r.problem(
                "alerts.user",
                "is missing, though alerts.password is set".to_owned(),
            );
            None
        }
    };
    let header = header?;
    let hmac = secret.map(|secret| Hmac {
        secret,
        header: header.to_string(),
        timestamp_header: timestamp_header.map(|name| name.to_string()),
    });
    Some(Authentication {
        bearer,
        basic,
        hmac,
    })
}
