//! Where a request comes from: what is under `/` and `/_local` is not signed, so only this machine
//! may ask, and no web page of somebody else's may make a browser ask.

use std::net::IpAddr;

use actix_web::{
    HttpRequest,
    http::{header, uri::Authority},
};

/// From this machine, and not from a web page whose name was made to lead here (DNS rebinding).
pub(super) fn is_local(request: &HttpRequest) -> bool {
    let from_here = request
        .peer_addr()
        .is_some_and(|peer| peer.ip().is_loopback());
    // A page can send any further header, so the one that it cannot forge must be local, too.
    let host = header_text(request, &header::HOST).unwrap_or_default();
    from_here && is_loopback(host) && is_loopback(request.connection_info().host())
}

/// Whether a browser sends this for a page of another origin. Programs send neither header.
pub(super) fn is_cross_site(request: &HttpRequest) -> bool {
    let site = header_text(request, "sec-fetch-site");
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let host = header_text(request, &header::HOST).unwrap_or_default();
    request.headers().contains_key(header::ORIGIN)
        && header_text(request, &header::ORIGIN) != Some(&format!("http://{host}"))
}

/// The host that the client asked for, without the port.
pub(super) fn requested_host(request: &HttpRequest) -> String {
    host_of(request.connection_info().host()).unwrap_or_default()
}

fn header_text(request: &HttpRequest, name: impl header::AsHeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

fn is_loopback(authority: &str) -> bool {
    let Some(name) = host_of(authority) else {
        return false;
    };
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.is_loopback())
}

fn host_of(authority: &str) -> Option<String> {
    let authority: Authority = authority.parse().ok()?;
    Some(authority.host().to_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> HttpRequest {
        let request = TestRequest::default().peer_addr(([127, 0, 0, 1], 1).into());
        let request = headers
            .iter()
            .fold(request, |request, header| request.insert_header(*header));
        request.to_http_request()
    }

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:7290",
            "127.3.2.1",
            "[::1]",
            "[::1]:80",
        ] {
            assert!(is_local(&request(&[("host", host)])), "{host}");
        }
        for host in [
            "",
            "example.com",
            "example.com:7290",
            "localhost.example.com",
            "192.0.2.1",
            "127.0.0.1.example.com",
            "localhost@example.com",
            "0.0.0.0",
            "[::ffff:192.0.2.1]",
        ] {
            assert!(!is_local(&request(&[("host", host)])), "{host}");
            let forwarded = [("host", host), ("x-forwarded-host", "localhost")];
            assert!(!is_local(&request(&forwarded)), "{host}");
            let forwarded = [("host", host), ("forwarded", "host=localhost")];
            assert!(!is_local(&request(&forwarded)), "{host}");
        }
    }

    #[test]
    fn a_browser_tells_of_another_origin() {
        let host = ("host", "127.0.0.1:7290");
        for own in [
            &[][..],
            &[
                ("origin", "http://127.0.0.1:7290"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(
                !is_cross_site(&request(&[&[host], own].concat())),
                "{own:?}"
            );
        }
        for foreign in [
            &[("origin", "https://example.com")][..],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1:3000")],
            &[("origin", "http://localhost:7290")],
            &[("origin", "https://127.0.0.1:7290")],
            &[
                ("origin", "http://127.0.0.1:7290"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[("sec-fetch-site", "same-site")],
        ] {
            assert!(
                is_cross_site(&request(&[&[host], foreign].concat())),
                "{foreign:?}"
            );
        }
    }
}
