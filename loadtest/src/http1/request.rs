//! What is sent: the request's bytes, made once per run.

use crate::{proxy::Proxy, request::Request, target::Target};

/// Writes the request in origin form, or for a proxy in absolute form (RFC 9112, 3.2).
pub(crate) fn encode(request: &Request, target: &Target, forwarder: Option<&Proxy>) -> Vec<u8> {
    let form = match forwarder {
        None => target.path().to_owned(),
        Some(_) => target.to_string(),
    };
    let mut bytes = format!("{} {form} HTTP/1.1\r\n", request.method()).into_bytes();
    let mut line = |name: &str, value: &str| {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    };
    for (name, value) in request.all_headers(target, forwarder) {
        line(&name, &value);
    }
    let sends_length =
        !request.body().is_empty() || matches!(request.method(), "POST" | "PUT" | "PATCH");
    if sends_length {
        line("content-length", &request.body().len().to_string());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(request.body());
    bytes
}

#[cfg(test)]
mod tests {
    use super::encode;
    use crate::request::Request;

    #[test]
    fn a_get_has_a_host_and_no_length() {
        let target = "http://h:81/x?y".parse().expect("valid");
        let text = String::from_utf8(encode(&Request::default(), &target, None)).expect("ASCII");
        assert!(
            text.starts_with("GET /x?y HTTP/1.1\r\nhost: h:81\r\n"),
            "{text}"
        );
        assert!(
            text.ends_with("\r\n\r\n") && !text.contains("content-length"),
            "{text}"
        );
    }

    #[test]
    fn a_proxy_is_asked_for_the_whole_url_with_the_login() {
        let target = "http://h:81/x?y".parse().expect("valid");
        let proxy = "http://u:p@proxy:3128".parse().expect("valid");
        let text = encode(&Request::default(), &target, Some(&proxy));
        let text = String::from_utf8(text).expect("ASCII");
        assert!(
            text.starts_with("GET http://h:81/x?y HTTP/1.1\r\nhost: h:81\r\n"),
            "{text}"
        );
        assert!(
            text.contains("proxy-authorization: Basic dTpw\r\n"),
            "{text}"
        );
    }

    #[test]
    fn own_headers_replace_the_defaults() {
        let request = Request::new("POST")
            .and_then(|r| r.header("Host", "other"))
            .expect("valid")
            .with_body("abc");
        let target = "http://h/".parse().expect("valid");
        let text = String::from_utf8(encode(&request, &target, None)).expect("ASCII");
        assert_eq!(text.to_lowercase().matches("host:").count(), 1, "{text}");
        assert!(
            text.contains("Host: other\r\n") && text.contains("content-length: 3\r\n"),
            "{text}"
        );
        assert!(text.ends_with("\r\n\r\nabc"), "{text}");
    }
}
