//! The address under test: a URL split into what a client needs to connect and to ask.

use std::{fmt, str::FromStr};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Position, Url};

use crate::{route::bracketed, template::mask, text::ColumnError};

/// An `http://` or `https://` URL, checked.
///
/// Accepts `http[s]://host[:port][/path][?query]`, with a host in any script. A fragment is
/// refused, since it is never sent; so are credentials. Path and query may have places that are
/// filled in for every request, such as `{{counter}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl Target {
    /// Whether the connection is encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host name or address, without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Path and query as they are sent in the request line.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The `Host` header: host, and the port unless it is the scheme's own (RFC 9110, 7.2).
    pub(crate) fn authority(&self) -> String {
        let host = bracketed(&self.host);
        let default = if self.tls { 443 } else { 80 };
        if self.port == default {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    pub(crate) fn set_path(&mut self, path: String) {
        self.path = path;
    }

    /// Whether scheme, host and port are the same (RFC 6454, 5).
    pub(crate) fn has_same_origin(&self, other: &Self) -> bool {
        (self.tls, self.port, &self.host) == (other.tls, other.port, &other.host)
    }

    /// Where a reference leads that a response to this address has (RFC 3986, 5.2); or why it leads
    /// nowhere, without the reference, which may have what nobody should see.
    pub(crate) fn join(&self, reference: &str) -> Result<Self, String> {
        let no_url = |error: url::ParseError| format!("the Location is not a URL: {error}");
        let base = Url::parse(&self.to_string()).map_err(no_url)?;
        let url = base.join(reference).map_err(no_url)?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            other => {
                return Err(format!(
                    "the Location has the scheme {other:?}, not http or https"
                ));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the Location has credentials".to_owned());
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => return Err("the Location has no host".to_owned()),
        };
        let mut path = String::new();
        for c in url[Position::BeforePath..Position::AfterQuery].chars() {
            if is_sent(c) {
                path.push(c);
            } else {
                path.extend(utf8_percent_encode(
                    c.encode_utf8(&mut [0; 4]),
                    NON_ALPHANUMERIC,
                ));
            }
        }
        Ok(Self {
            tls,
            host,
            port: url
                .port_or_known_default()
                .unwrap_or(if tls { 443 } else { 80 }),
            path,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl FromStr for Target {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|error| error.with_text(&without_password(text)))
    }
}

fn parse(given: &str) -> Result<Target, ColumnError> {
    let fail = |at: usize, why: &str| Err(ColumnError::new(given, at, why));
    let (tls, start) = scheme(given)?;
    // What is filled in later may be anything.
    let text = &*mask(given);
    let end = text[start..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |n| start + n);
    if let Some(at) = text[start..end].find('@') {
        return fail(
            start + at,
            "credentials do not belong in a URL: give them with --basic-auth",
        );
    }
    if let Some(at) = text.find(|c: char| c.is_whitespace() || c.is_control()) {
        return fail(at, "a space or control character: percent-encode it");
    }
    if let Some(at) = text.find('#') {
        return fail(at, "a fragment is never sent to a server; leave it out");
    }
    let authority = &text[start..end];
    if let Some(at) = given[start..end].find("{{") {
        return fail(start + at, "only the path and the query may have {{…}}");
    }
    let host_end = match (authority.starts_with('['), authority.find(']')) {
        (true, Some(close)) => start + close + 1,
        (true, None) => return fail(start, "the '[' of an IPv6 address has no ']'"),
        (false, _) => start + authority.find(':').unwrap_or(authority.len()),
    };
    let host = host(text, start, host_end)?;
    let port = match text[host_end..end].strip_prefix(':') {
        None if host_end == end => {
            if tls {
                443
            } else {
                80
            }
        }
        None => return fail(host_end, "expected ':' and a port, or '/'"),
        Some(_) => port(text, host_end + 1, end)?,
    };
    if let Some(at) = text[end..].find(|c| !is_sent(c)) {
        return fail(
            end + at,
            "character not allowed in a URL; percent-encode it",
        );
    }
    let path = match &given[end..] {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    Ok(Target {
        tls,
        host,
        port,
        path,
    })
}

/// A text without what may be a password in it, character for character.
fn without_password(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    match text[start..].rfind('@') {
        Some(length) if text[start..start + length].contains(':') => {
            let hidden = text[start..start + length].chars().map(|_| '*');
            let (before, after) = (&text[..start], &text[start + length..]);
            format!("{before}{}{after}", hidden.collect::<String>())
        }
        _ => text.to_owned(),
    }
}

/// What a path and a query may have beside letters and digits (RFC 3986, 3.3 and 3.4), and what
/// clients commonly send there in spite of it.
const PATH_MARKS: &str = "-._~!$&'()*+,;=:@/?%[]{}|^\\";

/// Whether a character may stand in a path or a query.
fn is_sent(c: char) -> bool {
    c.is_ascii_alphanumeric() || PATH_MARKS.contains(c)
}

/// Whether it is TLS, and where the authority begins.
fn scheme(text: &str) -> Result<(bool, usize), ColumnError> {
    // Schemes have no case (RFC 3986, 3.1).
    let begins = |scheme: &str| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if begins("http://") {
        return Ok((false, 7));
    }
    if begins("https://") {
        return Ok((true, 8));
    }
    let reason = match text.find("://") {
        Some(at) => format!(
            "the scheme must be http or https, not {:?}",
            text[..at].trim()
        ),
        None => "a URL starts with http:// or https://".to_owned(),
    };
    Err(ColumnError::new(text, 0, &reason))
}

/// The port between two places of a text.
pub(crate) fn port(text: &str, start: usize, end: usize) -> Result<u16, ColumnError> {
    let digits = &text[start..end];
    match digits.parse::<u16>() {
        Ok(port) if port > 0 && !digits.starts_with('+') => Ok(port),
        _ => Err(ColumnError::new(
            text,
            start,
            "a port is a number from 1 to 65535",
        )),
    }
}

/// The host between two places of a text, as it is resolved and sent: an IDN in its ASCII form.
pub(crate) fn host(text: &str, start: usize, end: usize) -> Result<String, ColumnError> {
    let fail = |at: usize, why: &str| Err(ColumnError::new(text, at, why));
    let given = &text[start..end];
    if given.is_empty() {
        return fail(start, "the host is missing");
    }
    match Host::parse(given) {
        Ok(Host::Domain(name)) => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            match name.find(|c| !is_name(c)) {
                None => Ok(name),
                Some(_) => fail(start, "a host name has letters, digits, '-' and '.'"),
            }
        }
        Ok(Host::Ipv4(ip)) => Ok(ip.to_string()),
        Ok(Host::Ipv6(ip)) => Ok(ip.to_string()),
        Err(_) if given.starts_with('[') => fail(start + 1, "invalid IPv6 address"),
        Err(error) => fail(start, &format!("invalid host: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    fn parse(text: &str) -> Target {
        text.parse().expect("a valid URL")
    }

    #[test]
    fn splits_what_a_client_needs() {
        let target = parse("http://example.org:8080/a/b?c=d");
        assert_eq!(
            (target.host(), target.port(), target.path()),
            ("example.org", 8080, "/a/b?c=d")
        );
        assert_eq!(target.authority(), "example.org:8080");
        assert_eq!(
            parse("https://example.org").to_string(),
            "https://example.org/"
        );
        assert_eq!(parse("http://[::1]:81?x").to_string(), "http://[::1]:81/?x");
        assert_eq!(parse("http://h:80").authority(), "h");
    }

    #[test]
    fn a_scheme_has_no_case_and_a_host_any_script() {
        for (text, shown) in [
            ("HTTP://h/X", "http://h/X"),
            ("HtTpS://EXAMPLE.org:8443", "https://example.org:8443/"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/"),
            (
                "HTTPS://BÜCHER.example:1?x",
                "https://xn--bcher-kva.example:1/?x",
            ),
            ("http://例え。テスト/", "http://xn--r8jz45g.xn--zckzah/"),
            ("http://faß.de", "http://xn--fa-hia.de/"),
            (
                "http://xn--bcher-kva.example",
                "http://xn--bcher-kva.example/",
            ),
            ("http://under_score.local/", "http://under_score.local/"),
            ("http://[::FFFF:1]/", "http://[::ffff:1]/"),
            ("http://h/{id}?a=[1]|x", "http://h/{id}?a=[1]|x"),
            ("http://h/{{a é}}?{{#}}", "http://h/{{a é}}?{{#}}"),
        ] {
            assert_eq!(parse(text).to_string(), shown);
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for text in [
            "http://user:secret@h/",
            "http://user:se/secret@h/",
            "http://user:se secret@h/",
            "http://user:se#secret@h/",
            "ftp://user:secret@h/",
            "user:secret@h",
        ] {
            let error = text.parse::<Target>().expect_err(text).to_string();
            assert!(
                !error.contains("secret") && error.contains("***@h"),
                "{error}"
            );
        }
    }

    #[test]
    fn refuses_with_the_column_and_the_reason() {
        for (text, column, reason) in [
            ("example.org", 1, "starts with http"),
            ("ftp://x", 1, "http or https"),
            ("é", 1, "starts with http"),
            ("http:/h", 1, "starts with http"),
            ("http://h<x/", 8, "invalid host"),
            ("http://h\"x/", 8, "host name has"),
            ("http://xn--ü/", 8, "invalid host"),
            ("http://1.2.3.400/", 8, "invalid host"),
            ("http://h/<x>", 10, "percent-encode"),
            ("http://h/?é", 11, "percent-encode"),
            ("http://", 8, "host is missing"),
            ("http://h:0/", 10, "1 to 65535"),
            ("http://h:99999/", 10, "1 to 65535"),
            ("http://h/a b", 11, "percent-encode"),
            ("http://u:p@h/", 11, "--basic-auth"),
            ("http://{{a}}/", 8, "only the path"),
            ("http://h/{{é é}}<", 17, "percent-encode"),
            ("http://h/#x", 10, "fragment"),
            ("http://[::1", 8, "no ']'"),
            ("http://[zz]/", 9, "invalid IPv6"),
        ] {
            let error = text.parse::<Target>().expect_err(text);
            assert_eq!(error.column(), column, "{text}: {error}");
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
    }
}
