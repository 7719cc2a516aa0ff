//! A request in hyper's form.

use bytes::Bytes;
use http_body_util::Full;

use crate::{message::Message, proxy::Proxy};

pub(crate) type HyperRequest = hyper::Request<Full<Bytes>>;

/// HTTP/2 has the authority in place of the host header (RFC 9113, 8.3.1).
pub(crate) fn build(
    message: &Message,
    http2: bool,
    forwarder: Option<&Proxy>,
) -> Result<HyperRequest, hyper::http::Error> {
    let uri = if http2 || forwarder.is_some() {
        message.target.to_string()
    } else {
        message.target.path().to_owned()
    };
    let mut builder = hyper::Request::builder()
        .method(message.method.as_str())
        .uri(uri);
    for (name, value) in message.headers_by(forwarder) {
        if !(http2 && name.eq_ignore_ascii_case("host")) {
            // By bytes: a value may have characters beyond ASCII.
            builder = builder.header(name, value.as_bytes());
        }
    }
    builder.body(Full::new(message.body.clone()))
}

#[cfg(test)]
mod tests {
    use super::build;
    use crate::{
        message::{Call, Message},
        request::Request,
        target::Target,
    };

    #[test]
    fn every_url_that_is_taken_can_be_sent_by_every_engine() {
        for c in (' '..='\u{7e}').chain(['é', '\u{a0}']) {
            for url in [
                format!("http://h{c}h/"),
                format!("http://h/{c}"),
                format!("http://h/?{c}"),
            ] {
                if let Ok(target) = url.parse::<Target>() {
                    let request = Request::default();
                    let message = Message::new(&Call { target, request }, None);
                    for http2 in [true, false] {
                        let made = build(&message, http2, None);
                        assert!(made.is_ok(), "{url}: {made:?}");
                    }
                }
            }
        }
    }
}
