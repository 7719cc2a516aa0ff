//! Questions to the API that change nothing, for whoever wants to know what a key may do and
//! whether the clocks agree. One question is one request: nothing is repeated.

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE},
};

use super::{
    client::Client,
    error::ErrorKind,
    signature::{SignedRequest, VALIDITY, sign},
};

/// A question that changes nothing, whatever the key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A read of what this path, with a query perhaps, leads to.
    Read(String, Vec<(String, String)>),
    /// An order whose contents nobody can carry out: what it needs is missing, or of a wrong type.
    /// The API refuses one that is not allowed for that reason, and any other for what it says.
    NoOrder(OrderMethod, String),
}

/// What such an order says. A member or a size is no text.
const CONTENTS: &str = r#"{"size":"none","instances":"none"}"#;

/// The methods of orders that have contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderMethod {
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

/// What the API answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Why it is no success, if it is none.
    pub refusal: Option<ErrorKind>,
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The API's time, from the header `Date`.
    pub date: Option<Timestamp>,
    /// This machine's time when the answer's head was here.
    pub received: Timestamp,
}

impl Client {
    /// Asks one question.
    pub async fn ask(&self, question: &Question) -> Result<Answered, ErrorKind> {
        let config = self.transport.config();
        let (method, path, query, body) = match question {
            Question::Read(path, query) => (Method::GET, path, query.as_slice(), ""),
            Question::NoOrder(OrderMethod::Post, path) => (Method::POST, path, &[][..], CONTENTS),
            Question::NoOrder(OrderMethod::Put, path) => (Method::PUT, path, &[][..], CONTENTS),
        };
        let url = config.endpoint.url(path, query);
        let signed = SignedRequest {
            method: method.as_str(),
            path: url.path(),
            query,
            body: body.as_bytes(),
        };
        let expires = u64::try_from(Timestamp::now().as_second()).unwrap_or(0) + VALIDITY.as_secs();
        let authorization = sign(&config.key, &config.secret, signed, expires);
        let limit = config.request_timeout;
        let mut request = self
            .transport
            .http()
            .request(method, url)
            .timeout(limit)
            .header(AUTHORIZATION, authorization);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let answer = request.send().await;
        let answer = answer.map_err(|error| super::transport::silence(error, limit))?;
        let received = Timestamp::now();
        let status = answer.status();
        let date = answer.headers().get(DATE);
        let date = date.and_then(|value| {
            DateTimeParser::new()
                .parse_timestamp(value.to_str().ok()?)
                .ok()
        });
        let body = self.transport.read_body(answer, limit).await?;
        let refusal =
            (!status.is_success()).then(|| ErrorKind::from_answer(status.as_u16(), &body, None));
        Ok(Answered {
            refusal,
            status: status.as_u16(),
            body,
            date,
            received,
        })
    }
}
