//! What is sent: the request's bytes, made once per run.

use crate::{request::Request, target::Target};

/// Writes the request in origin form (RFC 9112, 3.2.1).
pub(crate) fn encode(request: &Request, target: &Target) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method(), target.path()).into_bytes();
    let mut line = |name: &str, value: &str| {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    };
    for (name, value) in request.all_headers(target) {
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
        let text = String::from_utf8(encode(&Request::default(), &target)).expect("ASCII");
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
    fn own_headers_replace_the_defaults() {
        let request = Request::new("POST")
            .and_then(|r| r.header("Host", "other"))
            .expect("valid")
            .with_body("abc");
        let target = "http://h/".parse().expect("valid");
        let text = String::from_utf8(encode(&request, &target)).expect("ASCII");
        assert_eq!(text.to_lowercase().matches("host:").count(), 1, "{text}");
        assert!(
            text.contains("Host: other\r\n") && text.contains("content-length: 3\r\n"),
            "{text}"
        );
        assert!(text.ends_with("\r\n\r\nabc"), "{text}");
    }
}
