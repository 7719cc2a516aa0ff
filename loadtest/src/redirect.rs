//! Where a redirect leads, and what is sent there (RFC 9110, 15.4).

use bytes::Bytes;

use crate::message::Message;

/// Whether a response of this status says where to ask instead.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The request that follows a redirect.
pub(crate) fn follow(message: &Message, status: u16, location: &[u8]) -> Result<Message, String> {
    let location = String::from_utf8_lossy(location);
    let target = message.target.join(&location)?;
    let mut next = message.clone();
    let becomes_get = match status {
        303 => message.method != "HEAD",
        301 | 302 => message.method == "POST",
        _ => false,
    };
    if becomes_get && message.method != "GET" {
        "GET".clone_into(&mut next.method);
        next.body = Bytes::new();
        next.headers
            .retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }
    if !target.has_same_origin(&message.target) {
        // What one server is trusted with is not for another.
        let is_private = |name: &str| {
            ["authorization", "cookie", "proxy-authorization"]
                .iter()
                .any(|private| private.eq_ignore_ascii_case(name))
        };
        next.headers
            .retain(|(name, _)| !is_private(name) && !name.eq_ignore_ascii_case("host"));
        next.headers
            .insert(0, ("host".to_owned(), target.authority()));
    }
    next.target = target;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::follow;
    use crate::{
        message::{Call, Message},
        request::Request,
    };

    fn message(method: &str) -> Message {
        let request = Request::new(method).expect("valid").with_body("body");
        let headers = [
            ("content-type", "text/plain"),
            ("Authorization", "Basic x"),
            ("cookie", "a=b"),
            ("x-own", "y"),
        ];
        let request = headers.into_iter().fold(request, |request, (name, value)| {
            request.header(name, value).expect("valid")
        });
        let target = "http://h:81/a/b?c".parse().expect("a URL");
        Message::new(&Call { target, request }, None)
    }

    #[test]
    fn methods_and_bodies_follow_the_status() {
        for (status, method, expected) in [
            (301, "POST", "GET"),
            (302, "POST", "GET"),
            (303, "POST", "GET"),
            (303, "PUT", "GET"),
            (303, "HEAD", "HEAD"),
            (301, "PUT", "PUT"),
            (302, "DELETE", "DELETE"),
            (307, "POST", "POST"),
            (308, "POST", "POST"),
            (307, "GET", "GET"),
        ] {
            let next = follow(&message(method), status, b"/x").expect("followed");
            assert_eq!(next.method, expected, "{status} {method}");
            let keeps = expected == method;
            assert_eq!(!next.body.is_empty(), keeps, "{status} {method}");
            let has_type = next.headers.iter().any(|(name, _)| name == "content-type");
            assert_eq!(has_type, keeps, "{status} {method}");
        }
    }

    #[test]
    fn locations_are_relative_or_not() {
        for (location, url) in [
            ("/x?y", "http://h:81/x?y"),
            ("x", "http://h:81/a/x"),
            ("../x", "http://h:81/x"),
            ("?z=1", "http://h:81/a/b?z=1"),
            ("//other/x", "http://other/x"),
            ("https://other:8443/x#part", "https://other:8443/x"),
            ("HTTP://H:81/é x", "http://h:81/%C3%A9%20x"),
            ("/a`b{{c}}", "http://h:81/a%60b%7B%7Bc%7D%7D"),
            ("/?a`|b", "http://h:81/?a%60|b"),
            ("http://[::1]:82/", "http://[::1]:82/"),
        ] {
            let next = follow(&message("GET"), 302, location.as_bytes()).expect(location);
            assert_eq!(next.target.to_string(), url, "{location}");
        }
        for (location, reason) in [
            ("ftp://h/", "ftp"),
            ("http://", "not a URL"),
            ("http://user:secret@h/", "credentials"),
        ] {
            let error = follow(&message("GET"), 302, location.as_bytes()).expect_err(location);
            assert!(
                error.contains(reason) && !error.contains("secret"),
                "{location}: {error}"
            );
        }
    }

    #[test]
    fn what_is_private_stays_with_its_origin() {
        let names = |location: &str| {
            let next = follow(&message("GET"), 307, location.as_bytes()).expect(location);
            let names = next
                .headers
                .into_iter()
                .map(|(name, _)| name.to_ascii_lowercase());
            names.collect::<Vec<_>>()
        };
        assert!(names("/x").contains(&"authorization".to_owned()));
        for other in ["http://h:82/", "https://h:81/", "http://i:81/"] {
            let names = names(other);
            assert!(names.contains(&"x-own".to_owned()));
            for private in ["authorization", "cookie"] {
                assert!(!names.contains(&private.to_owned()), "{other}: {names:?}");
            }
        }
        let next = follow(&message("GET"), 307, b"http://i:82/").expect("followed");
        let hosts: Vec<_> = next
            .headers
            .iter()
            .filter(|(name, _)| name == "host")
            .collect();
        assert_eq!(hosts, [&("host".to_owned(), "i:82".to_owned())]);
    }
}
