//! Receivers that are well, away, and never willing.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use super::{RemoteWrite, RemoteWriteError, Written};
use crate::{
    Load, Observer, Plan,
    record::{Levels, Part, Progress, Tick},
};

/// Answers requests with these statuses in turn, and the last from then on. Gives each body.
async fn receiver(statuses: &'static [u16]) -> (String, mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, bodies) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut statuses = statuses.iter().copied().peekable();
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = Vec::new();
            let (head, length) = loop {
                stream.read_buf(&mut request).await.expect("a request");
                let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n");
                let Some(end) = end else { continue };
                let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
                let length = head.split("content-length: ").nth(1).expect("a length");
                let length: usize = length
                    .lines()
                    .next()
                    .expect("it")
                    .parse()
                    .expect("a number");
                break (end + 4, length);
            };
            while request.len() < head + length {
                stream.read_buf(&mut request).await.expect("a body");
            }
            let first = statuses.next().expect("a status");
            if statuses.peek().is_none() {
                statuses = vec![first].leak().iter().copied().peekable();
            }
            let answer = format!("HTTP/1.1 {first} X\r\ncontent-length: 4\r\n\r\nwhy\n");
            stream.write_all(answer.as_bytes()).await.expect("answered");
            // Nobody may look at the bodies.
            let _ = sender.send(request[head..].to_vec());
        }
    });
    (format!("http://{address}/api/v1/write"), bodies)
}

fn remote(url: &str) -> (RemoteWrite, Box<dyn Observer>) {
    let load = Load::Closed(Duration::from_secs(1));
    let plan = Plan::new("http://h/".parse().expect("a URL"), load);
    RemoteWrite::new(url.parse().expect("a URL"), &[], &plan).expect("usable")
}

fn tick(observer: &mut dyn Observer, second: u64) {
    let part = Part::default();
    observer.tick(&Tick {
        progress: &Progress::default(),
        start: Duration::from_secs(second),
        length: Duration::from_secs(1),
        started_at: SystemTime::now(),
        part: &part,
        settings: &BTreeMap::new(),
        headline: &part.headline(),
        levels: Levels::default(),
    });
}

/// Sends so many ticks and the end of the run.
async fn write(url: &str, ticks: u64) -> Written {
    let (remote, mut observer) = remote(url);
    for second in 0..ticks {
        tick(&mut *observer, second);
    }
    drop(observer);
    remote.run().await
}

#[tokio::test]
async fn a_receiver_that_was_away_gets_what_came_meanwhile() {
    let (url, mut bodies) = receiver(&[200, 503, 429, 200]).await;
    let (remote, mut observer) = remote(&url);
    let run = async move {
        let mut received = Vec::new();
        for second in 0..2 {
            tick(&mut *observer, second);
            received.push(bodies.recv().await.expect("a body"));
        }
        tick(&mut *observer, 2);
        drop(observer);
        for _ in 0..2 {
            received.push(bodies.recv().await.expect("a body"));
        }
        received
    };
    let (written, received) = tokio::join!(remote.run(), run);
    assert_eq!((written.ticks, written.lost), (3, 0));
    assert_eq!(written.reason.as_deref(), Some("status 503: why"));
    assert_eq!(written.warning(), None);
    let length = |body: &Vec<u8>| snap::raw::decompress_len(body).expect("Snappy");
    assert!(
        length(&received[3]) > length(&received[1]),
        "two ticks, not one"
    );
}

#[tokio::test]
async fn a_receiver_that_never_took_anything_is_not_waited_for() {
    let (url, mut bodies) = receiver(&[503]).await;
    let written = write(&url, 2).await;
    assert_eq!((written.ticks, written.lost), (2, 2));
    let mut attempts = 0;
    while bodies.try_recv().is_ok() {
        attempts += 1;
    }
    assert_eq!(attempts, 2, "one while it ran, and one after");
}

#[tokio::test]
async fn a_receiver_that_refuses_costs_one_warning_with_the_count() {
    let (url, _bodies) = receiver(&[400]).await;
    let written = write(&url, 5).await;
    assert_eq!((written.ticks, written.lost), (5, 5));
    let warning = written.warning().expect("a warning");
    assert!(
        warning
            .text
            .starts_with("5 of 5 ticks were not written to http://127"),
        "{}",
        warning.text
    );
    assert!(
        warning.text.ends_with("(--remote-write): status 400: why"),
        "{}",
        warning.text
    );
}

#[tokio::test]
async fn without_a_receiver_the_oldest_ticks_are_lost_first_and_all_at_the_end() {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    let any = "127.0.0.1:0".parse().expect("an address");
    socket.bind(any).expect("a port, on which nobody listens");
    let url = format!("http://{}/", socket.local_addr().expect("an address"));
    let ticks = super::MAX_PENDING as u64 + 7;
    let written = write(&url, ticks).await;
    assert_eq!((written.ticks as u64, written.lost as u64), (ticks, ticks));
    assert!(written.reason.expect("a reason").contains("refused"));
}

#[test]
fn a_header_that_cannot_be_sent_is_named_without_its_value() {
    for header in ["Authorization", "X Y: secret", "X: sec\u{1}ret"] {
        let error = super::read_headers(&[header.to_owned()]).expect_err(header);
        assert!(matches!(error, RemoteWriteError::Header(_)));
        assert!(!error.to_string().contains("sec"), "{error}");
    }
    let headers = [
        "Authorization: Bearer x".to_owned(),
        "X-Scope-OrgID:7".to_owned(),
    ];
    assert_eq!(super::read_headers(&headers).expect("valid").len(), 2);
}
