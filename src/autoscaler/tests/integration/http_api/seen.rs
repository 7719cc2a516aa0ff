//! Answers of the agent, each compared with the description.

use std::collections::BTreeSet;

use reqwest::{Method, Request, RequestBuilder, Response};
use test_support::openapi::Description;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::agent_support::{Agent, PATIENCE};

/// More streams than an agent may have open.
const STREAMS: usize = 1_024;

pub(super) struct Seen {
    pub(super) description: Description,
    answers: BTreeSet<(String, u16)>,
}

impl Seen {
    pub(super) fn of(description: Description) -> Self {
        let answers = BTreeSet::new();
        Self {
            description,
            answers,
        }
    }

    /// Looks at a path, which must be answered with this status.
    pub(super) async fn get(&mut self, agent: &Agent, path: &str, status: u16) {
        self.send(agent.http.get(agent.url(path)), status).await;
    }

    /// Sends a request, which must be answered with this status.
    pub(super) async fn send(&mut self, request: RequestBuilder, status: u16) {
        let (client, request) = request.build_split();
        let request: Request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let answer = client.execute(request).await.expect("an answer");
        assert_eq!(answer.status(), status, "{method} {path}");
        let kind = answer.headers().get("content-type");
        let kind = kind.map_or("", |kind| kind.to_str().expect("a text"));
        let kind = kind.to_owned();
        let body = if kind == "text/event-stream" {
            self.check_event(&first_event(answer).await);
            Vec::new()
        } else {
            answer.bytes().await.expect("a body").to_vec()
        };
        self.check(&method, &path, status, &kind, &body);
    }

    fn check(&mut self, method: &Method, path: &str, status: u16, kind: &str, body: &[u8]) {
        let said = || format!("{method} {path} {status}");
        let operation = self.description.operation(method, path);
        let operation = operation.unwrap_or_else(|| panic!("{} is not described", said()));
        let answer = self.description.answer(operation, status);
        let answer = answer.unwrap_or_else(|| panic!("{} is not described", said()));
        let problems = self.description.answer_problems(answer, kind, body);
        assert!(problems.is_empty(), "{}: {problems:#?}", said());
        self.answers.insert((operation.id.to_owned(), status));
    }

    /// An event has what two other paths answer.
    fn check_event(&self, event: &str) {
        let data = event.strip_prefix("data: ").expect("a first event");
        let data: serde_json::Value = serde_json::from_str(data.trim_end()).expect("JSON");
        for (path, part) in [("/status", "status"), ("/decisions", "decisions")] {
            let operation = self.description.operation(&Method::GET, path);
            let answer = self
                .description
                .answer(operation.expect("it is there"), 200);
            let part = data[part].to_string();
            let problems = self.description.answer_problems(
                answer.expect("it is described"),
                "application/json",
                part.as_bytes(),
            );
            assert!(problems.is_empty(), "{path}: {problems:#?}");
        }
    }

    /// Sends a request whose body never ends.
    pub(super) async fn half_a_body(
        &mut self,
        agent: &Agent,
        method: &Method,
        path: &str,
        token: Option<&str>,
    ) {
        let mut stream = TcpStream::connect(agent.address).await.expect("connected");
        let login = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        let host = agent.address;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{}content-length: 9\r\n\r\n{{",
            login.unwrap_or_default()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
        read.expect("it is answered").expect("a text");
        assert!(
            answer.starts_with("HTTP/1.1 408 "),
            "{method} {path}: {answer}"
        );
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        self.check(method, path, 408, "application/json", body.as_bytes());
    }

    /// Opens streams until there are too many.
    pub(super) async fn streams_until_refused(&mut self, agent: &Agent) {
        let mut open = Vec::new();
        for _ in 0..STREAMS {
            let answer = agent.get("/events").await;
            if answer.status() != 200 {
                break;
            }
            open.push(answer);
        }
        self.get(agent, "/events", 503).await;
    }

    /// Fails unless every answer that is described was seen, but for these.
    pub(super) fn all_but(self, not_made: &[(&str, u16)]) {
        let mut described = BTreeSet::new();
        for (.., operation) in self.description.operations() {
            let answers = operation.entry["responses"].as_object().expect("answers");
            for status in answers.keys() {
                let status = status.parse().expect("a status");
                described.insert((operation.id.to_owned(), status));
            }
        }
        let not_made = not_made
            .iter()
            .map(|(id, status)| ((*id).to_owned(), *status));
        let not_made: BTreeSet<_> = not_made.collect();
        let missed: BTreeSet<_> = described.difference(&self.answers).cloned().collect();
        assert_eq!(missed, not_made, "described, and not seen");
    }
}

async fn first_event(mut answer: Response) -> String {
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        let chunk = timeout(PATIENCE, answer.chunk()).await.expect("an event");
        let chunk = chunk.expect("the stream goes on").expect("it does not end");
        text.push_str(std::str::from_utf8(&chunk).expect("a text"));
    }
    text
}
