//! A proxy, as `--proxy` names it.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

use crate::{route::bracketed, target};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyScheme {
    Http,
    /// SOCKS version 5, which is given addresses.
    Socks5,
    /// SOCKS version 5, which is given host names.
    Socks5h,
}

/// A proxy: `http://`, `socks5://` (this machine resolves the target's name) or `socks5h://` (the
/// proxy does), with `[USER:PASSWORD@]HOST[:PORT]`.
///
/// Neither of its texts, for readers or for programmers, has the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: ProxyScheme,
    host: String,
    port: u16,
    login: Option<Login>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// A text that is no proxy. It does not quote the text, which may have credentials.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error("expected http://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT")]
    Form,
    #[error("a proxy of the kind {0:?} is not known: there are http, socks5 and socks5h")]
    Scheme(String),
    /// The host or the port cannot be one.
    #[error("{0}")]
    Address(String),
    #[error("the port is missing, such as in http://HOST:3128")]
    PortMissing,
    #[error("the user or the password is not UTF-8 when percent-decoded")]
    Encoding,
    #[error("the user must be without ':'; user and password must be of at most 255 bytes each")]
    Login,
}

impl Proxy {
    pub(crate) fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The value of the header `Proxy-Authorization` (RFC 7617).
    pub(crate) fn authorization(&self) -> Option<String> {
        let Login { user, password } = self.login.as_ref()?;
        let pair = STANDARD.encode(format!("{user}:{password}"));
        Some(format!("Basic {pair}"))
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            ProxyScheme::Http => "http",
            ProxyScheme::Socks5 => "socks5",
            ProxyScheme::Socks5h => "socks5h",
        };
        write!(f, "{scheme}://{}:{}", bracketed(&self.host), self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.login.is_some() {
            " with a login"
        } else {
            ""
        };
        write!(f, "{self}{login}")
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyScheme::Http,
            "socks5" => ProxyScheme::Socks5,
            "socks5h" => ProxyScheme::Socks5h,
            // What stands before `://` may be credentials all the same.
            other if other.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                return Err(ProxyError::Scheme(other.to_owned()));
            }
            _ => return Err(ProxyError::Form),
        };
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(parse_login(login)?), place),
            None => (None, rest),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        if place.is_empty() || place.contains(['/', '?', '#']) {
            return Err(ProxyError::Form);
        }
        let host_end = match place.rfind(':') {
            Some(colon) if !place[colon..].contains(']') => colon,
            _ => place.len(),
        };
        let wrong =
            |error: crate::text::ColumnError| ProxyError::Address(error.reason().to_owned());
        let host = target::host(place, 0, host_end).map_err(wrong)?;
        let port = match (scheme, host_end == place.len()) {
            (_, false) => target::port(place, host_end + 1, place.len()).map_err(wrong)?,
            (ProxyScheme::Http, true) => return Err(ProxyError::PortMissing),
            // RFC 1928, 3.
            (ProxyScheme::Socks5 | ProxyScheme::Socks5h, true) => 1080,
        };
        Ok(Self {
            scheme,
            host,
            port,
            login,
        })
    }
}

fn parse_login(text: &str) -> Result<Login, ProxyError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decode = |part: &str| {
        let decoded = percent_decode_str(part).decode_utf8();
        decoded.map(String::from).map_err(|_| ProxyError::Encoding)
    };
    let (user, password) = (decode(user)?, decode(password)?);
    if user.contains(':') || user.len() > 255 || password.len() > 255 {
        return Err(ProxyError::Login);
    }
    Ok(Login { user, password })
}

#[cfg(test)]
mod tests {
    use super::Proxy;

    #[test]
    fn a_proxy_is_shown_without_its_login() {
        for (text, shown) in [
            ("http://h:3128", "http://h:3128"),
            ("h:3128", "http://h:3128"),
            ("HTTP://u:s%40cret@H:3128/", "http://h:3128"),
            ("socks5://u:secret@[::1]", "socks5://[::1]:1080"),
            ("socks5h://127.0.0.1:9", "socks5h://127.0.0.1:9"),
        ] {
            let proxy: Proxy = text.parse().expect(text);
            assert_eq!(proxy.to_string(), shown);
            assert!(!format!("{proxy:?}").contains("cret"), "{proxy:?}");
        }
        let proxy: Proxy = "http://u:s%40c:t@h:1".parse().expect("valid");
        assert_eq!(proxy.authorization().as_deref(), Some("Basic dTpzQGM6dA=="));
        let proxy: Proxy = "u@h:1".parse().expect("valid");
        assert_eq!(proxy.authorization().as_deref(), Some("Basic dTo="));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_login() {
        let long = format!("http://{}:secret@h:1", "u".repeat(256));
        for (text, reason) in [
            ("", "expected http://"),
            ("http://u:secret@", "expected http://"),
            ("https://u:secret@h:1", "there are http, socks5"),
            ("u:secret://h:1", "expected http://"),
            ("http://u:secret@h", "port is missing"),
            ("http://u:secret@h:0", "1 to 65535"),
            ("http://u:secret@h:1/path", "expected http://"),
            ("http://u:secret@[::1:1", "IPv6"),
            ("http://u:secret@:1", "host is missing"),
            ("http://u:secret%ff@h:1", "UTF-8"),
            ("http://u%3Av:secret@h:1", "without ':'"),
            (&long, "255"),
        ] {
            let error = text.parse::<Proxy>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }
}
