//! What is sent: the request's bytes.

use crate::{message::Message, proxy::Proxy};

/// Writes the request in origin form, or for a proxy in absolute form (RFC 9112, 3.2).
pub(crate) fn encode(message: &Message, forwarder: Option<&Proxy>) -> Vec<u8> {
    let method = &message.method;
    let form = match forwarder {
        None => message.target.path().to_owned(),
        Some(_) => message.target.to_string(),
    };
    let mut bytes = format!("{method} {form} HTTP/1.1\r\n").into_bytes();
    let mut line = |name: &str, value: &str| {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    };
    for (name, value) in message.headers_by(forwarder) {
        line(name, &value);
    }
    let sends_length =
        !message.body.is_empty() || matches!(method.as_str(), "POST" | "PUT" | "PATCH");
    if sends_length {
        line("content-length", &message.body.len().to_string());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&message.body);
    bytes
}

#[cfg(test)]
mod tests {
    use crate::{
        message::{Call, Message},
        request::Request,
    };

    fn message(request: Request, url: &str) -> Message {
        let target = url.parse().expect("valid");
        Message::new(&Call { target, request }, None)
    }

    fn encode(request: Request, url: &str) -> Vec<u8> {
        super::encode(&message(request, url), None)
    }

    #[test]
    fn a_get_has_a_host_and_no_length() {
        let bytes = encode(Request::default(), "http://h:81/x?y");
        let text = String::from_utf8(bytes).expect("ASCII");
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
        let proxy = "http://u:p@proxy:3128".parse().expect("valid");
        let asked = message(Request::default(), "http://h:81/x?y");
        let text = super::encode(&asked, Some(&proxy));
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
        let text = String::from_utf8(encode(request, "http://h/")).expect("ASCII");
        assert_eq!(text.to_lowercase().matches("host:").count(), 1, "{text}");
        assert!(
            text.contains("Host: other\r\n") && text.contains("content-length: 3\r\n"),
            "{text}"
        );
        assert!(text.ends_with("\r\n\r\nabc"), "{text}");
    }
}
