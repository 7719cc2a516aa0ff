//! The decoder against hyper: both read the same bytes, cut at random places, and must agree.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{decoder::Decoder, response::Visitor};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    status: u16,
    body: Vec<u8>,
}

#[derive(Default)]
struct Collect(Vec<u8>);

impl Visitor for Collect {
    fn header(&mut self, _name: &str, _value: &[u8]) {}
    fn body(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }
}

/// What this crate reads, and whether the connection would be kept.
fn ours(pieces: &[&[u8]], bodiless: bool) -> Option<(Read, bool)> {
    let (mut decoder, mut body) = (Decoder::new(bodiless), Collect::default());
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        if let Some((answer, used)) = decoder.feed(piece, &mut body).ok()? {
            assert!(used <= piece.len());
            let read = Read {
                status: answer.status,
                body: body.0,
            };
            return Some((read, answer.keep_alive && used == piece.len()));
        }
    }
    let answer = decoder.eof().ok()?;
    Some((
        Read {
            status: answer.status,
            body: body.0,
        },
        answer.keep_alive,
    ))
}

/// What hyper reads when the connection is closed after the last piece; and, if it stays open,
/// whether it is kept.
async fn hypers(pieces: &[&[u8]], method: &str, close: bool) -> Option<(Read, bool)> {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near))
        .await
        .ok()?;
    let driver = tokio::spawn(connection);
    let request = hyper::Request::builder()
        .method(method)
        .uri("/")
        .header("host", "h");
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let answer = async {
        let (parts, mut body) = sender.send_request(request).await.ok()?.into_parts();
        let mut data = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(bytes) = frame.ok()?.into_data() {
                data.extend_from_slice(&bytes);
            }
        }
        drop(body);
        let kept = !close && sender.ready().await.is_ok();
        Some((
            Read {
                status: parts.status.as_u16(),
                body: data,
            },
            kept,
        ))
    };
    let serve = async {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            far.read_buf(&mut asked).await.expect("the request");
        }
        for piece in pieces {
            if far.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        if close {
            drop(far);
            None
        } else {
            Some(far)
        }
    };
    let (answer, _open) = tokio::join!(answer, serve);
    driver.abort();
    answer
}

pub(super) fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

fn interim() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(String::new()),
        1 => Just("HTTP/1.1 100 Continue\r\n\r\n".to_owned()),
        1 => Just("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_owned()),
    ]
}

fn extra_headers() -> impl Strategy<Value = String> {
    let header = prop_oneof![
        Just("connection: close\r\n"),
        Just("Connection: keep-alive\r\n"),
        Just("connection: x, Close\r\n"),
        Just("server: nginx\r\n"),
        Just("x-empty:\r\n"),
        Just("x-latin: caf\u{e9}\r\n"),
        Just("set-cookie: a=b; c\r\n"),
    ];
    prop::collection::vec(header, 0..5).prop_map(|headers| headers.concat())
}

/// A body with the headers that frame it.
fn framed() -> impl Strategy<Value = (String, Vec<u8>)> {
    let data = prop::collection::vec(any::<u8>(), 0..300);
    let chunks = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..80), 0..6);
    let extension = prop_oneof![Just(""), Just(";a=b"), Just(" "), Just(";x=\"y\"")];
    let trailer = prop_oneof![Just(""), Just("x-sum: 1\r\n")];
    prop_oneof![
        data.clone()
            .prop_map(|data| (format!("content-length: {}\r\n", data.len()), data)),
        data.clone().prop_map(|data| (
            format!("Content-Length: {0}\r\nCONTENT-LENGTH: {0}\r\n", data.len()),
            data
        )),
        data.prop_map(|data| (String::new(), data)),
        (chunks, extension, trailer).prop_map(|(chunks, extension, trailer)| {
            let mut body = Vec::new();
            for chunk in chunks {
                body.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(&chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
            ("Transfer-Encoding: chunked\r\n".to_owned(), body)
        }),
    ]
}

pub(super) fn answers() -> impl Strategy<Value = Vec<u8>> {
    let status = prop_oneof![
        Just(200),
        Just(204),
        Just(304),
        Just(404),
        Just(503),
        200..600_u16
    ];
    let version = prop_oneof![4 => Just("1.1"), 1 => Just("1.0")];
    (interim(), version, status, extra_headers(), framed()).prop_map(
        |(interim, version, status, extra, (framing, body))| {
            let mut bytes =
                format!("{interim}HTTP/{version} {status} Word\r\n{extra}{framing}\r\n")
                    .into_bytes();
            bytes.extend_from_slice(&body);
            bytes
        },
    )
}

/// Answers with some bytes changed, taken out, or repeated.
pub(super) fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = (
        any::<prop::sample::Index>(),
        0..4_u8,
        prop::sample::select(b"\r\n :;,0159afZ\0\x80".to_vec()),
    );
    (answers(), prop::collection::vec(damage, 1..4)).prop_map(|(mut bytes, damages)| {
        for (place, kind, byte) in damages {
            let at = place.index(bytes.len().max(1));
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                _ => bytes.insert(at.min(bytes.len()), byte),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn valid_answers_are_read_alike(bytes in answers(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let pieces = cut(&bytes, &cuts);
        let own = ours(&pieces, false);
        let expected = runtime().block_on(hypers(&pieces, "GET", true));
        prop_assert_eq!(own.as_ref().map(|own| &own.0), expected.as_ref().map(|expected| &expected.0));
        // A connection that would be used again must be one that hyper uses again.
        if own.is_some_and(|own| own.1) {
            let kept = runtime().block_on(hypers(&pieces, "GET", false));
            prop_assert!(kept.expect("read before").1);
        }
    }

    #[test]
    fn answers_to_head_have_no_body(bytes in answers()) {
        let head = bytes.windows(4).rposition(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        // Where the body itself holds an empty line, this cuts later than the head; both ignore the
        // rest.
        let own = ours(&[&bytes[..head]], true);
        let expected = runtime().block_on(hypers(&[&bytes[..head]], "HEAD", true));
        prop_assert_eq!(own.map(|own| own.0), expected.map(|expected| expected.0));
    }

    #[test]
    fn what_is_read_from_damaged_answers_is_what_hyper_reads(
        bytes in damaged(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)
    ) {
        let pieces = cut(&bytes, &cuts);
        let own = ours(&pieces, false);
        let expected = runtime().block_on(hypers(&pieces, "GET", true));
        match (&own, &expected) {
            // Both must agree on what was said; this decoder may refuse more, since it speaks for
            // nobody else.
            (Some(own), Some(expected)) => prop_assert_eq!(&own.0, &expected.0),
            (None, _) => {}
            (Some(own), None) => prop_assert!(false, "read {own:?}, which hyper refuses: {:?}", String::from_utf8_lossy(&bytes)),
        }
    }
}
