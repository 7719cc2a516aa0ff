//! Properties of the decoder for any bytes, cut anywhere.

use proptest::prelude::*;

use super::{
    decoder::Decoder,
    error::{MAX_HEAD, ProtocolError},
    oracle::{answers, cut, damaged},
    response::{Response, Visitor},
};

/// Everything that one connection said, in order.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    answers: Vec<Response>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    error: Option<ProtocolError>,
}

impl Visitor for Heard {
    fn header(&mut self, name: &str, value: &[u8]) {
        self.headers.push((name.to_owned(), value.to_vec()));
    }
    fn body(&mut self, data: &[u8]) {
        self.body.extend_from_slice(data);
    }
}

/// Reads answer after answer until the bytes are used up or one is refused, then closes.
fn hear(pieces: &[&[u8]], bodiless: bool) -> Heard {
    let (mut decoder, mut heard) = (Decoder::new(bodiless), Heard::default());
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            match decoder.feed(rest, &mut heard) {
                Ok(Some((answer, used))) => {
                    assert!(used <= rest.len(), "{used} of {}", rest.len());
                    heard.answers.push(answer);
                    rest = &rest[used..];
                }
                Ok(None) => break,
                Err(error) => {
                    heard.error = Some(error);
                    return heard;
                }
            }
        }
    }
    if decoder.has_begun() {
        match decoder.eof() {
            Ok(answer) => heard.answers.push(answer),
            Err(error) => heard.error = Some(error),
        }
    }
    heard
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..6)
}

/// Bytes of which many are those that answers are made of.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => prop::sample::select(vec![
            &b"HTTP/1.1 200 OK\r\n"[..], b"HTTP/1.0 404 No\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
            b"content-length: 3\r\n", b"transfer-encoding: chunked\r\n", b"transfer-encoding: identity\r\n",
            b"connection: close\r\n", b"x: y\r\n", b"\r\n", b"\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\nx: y\r\n", b";a=b",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
}

/// A head of about the largest size that is accepted, and a body after it.
fn large() -> impl Strategy<Value = Vec<u8>> {
    let size = prop_oneof![
        0..200_usize,
        MAX_HEAD - 150..MAX_HEAD + 50,
        MAX_HEAD..2 * MAX_HEAD
    ];
    let count = prop_oneof![0..4_usize, 120..135_usize];
    (size, count, 0..3 * MAX_HEAD).prop_map(|(size, count, body)| {
        let long = "y".repeat(size);
        let many = "x: y\r\n".repeat(count);
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {body}\r\n{many}long: {long}\r\n\r\n");
        [head.into_bytes(), vec![b'b'; body]].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..400), soup(), answers(), damaged()],
        cuts in cuts(),
        bodiless in any::<bool>(),
    ) {
        prop_assert_eq!(hear(&cut(&bytes, &cuts), bodiless), hear(&[&bytes], bodiless));
    }

    #[test]
    fn large_heads_and_bodies_are_read_alike_however_they_are_cut(bytes in large(), cuts in cuts()) {
        // Not `prop_assert_eq`, which would print them.
        prop_assert!(hear(&cut(&bytes, &cuts), false) == hear(&[&bytes], false));
    }

    #[test]
    fn an_answer_says_what_it_says_whatever_follows(bytes in answers(), more in soup()) {
        let alone = hear(&[&bytes], false);
        // An answer that ends with the connection takes all that follows.
        if alone.error.is_none() && alone.answers.first().is_some_and(|answer| answer.keep_alive) {
            let both = [bytes, more].concat();
            let heard = hear(&[&both], false);
            prop_assert_eq!(heard.answers.first(), alone.answers.first());
        }
    }
}

#[test]
fn a_head_in_two_pieces_may_be_followed_by_more_than_64_kib_at_once() {
    let first = b"HTTP/1.1 200 OK\r\n";
    let rest = [
        b"content-length: 100000\r\n\r\n".to_vec(),
        vec![b'b'; MAX_HEAD],
    ]
    .concat();
    let tail = vec![b'b'; 100_000 - MAX_HEAD];
    let heard = hear(&[first, &rest, &tail], false);
    assert_eq!((heard.error, heard.body.len()), (None, 100_000));
}

#[test]
fn a_head_is_refused_by_its_size_and_not_by_its_cuts() {
    let head = |size: usize| {
        let rest = "HTTP/1.1 204 No\r\nx: \r\n\r\n".len();
        format!("HTTP/1.1 204 No\r\nx: {}\r\n\r\n", "y".repeat(size - rest)).into_bytes()
    };
    for (size, error) in [
        (MAX_HEAD, None),
        (MAX_HEAD + 1, Some(ProtocolError::HeadTooLarge)),
    ] {
        let bytes = head(size);
        for step in [1, 1000, MAX_HEAD, 2 * MAX_HEAD] {
            let pieces: Vec<&[u8]> = bytes.chunks(step).collect();
            assert_eq!(hear(&pieces, false).error, error, "{size} by {step}");
        }
    }
}
