//! The store in an S3-compatible service such as SOS. Requests are presigned URLs, whose signature
//! covers the conditions.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use reqwest::{
    Client, Method, Response, Url,
    header::{ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH},
    redirect,
};
use rusty_s3::{Bucket, BucketError, Credentials, S3Action, UrlStyle};

use super::{
    exchange::{Condition, Seen},
    record::{MAX_RECORD, Record},
    store::{Store, StoreError, WriteError},
};

/// How long a URL is valid. It is used at once; S3 lets clocks differ by as much in headers.
const VALID: Duration = Duration::from_secs(15 * 60);

/// Where the object is, and who asks.
#[derive(Clone)]
pub struct S3Config {
    /// Such as `https://sos-at-vie-1.exo.io`.
    pub endpoint: Url,
    /// The region that signatures name: the zone.
    pub region: String,
    /// The bucket, which must be there.
    pub bucket: String,
    /// The object's key.
    pub object: String,
    /// The key that signs.
    pub key: String,
    /// Its secret.
    pub secret: String,
    /// After this, a request is given up.
    pub timeout: Duration,
}

impl std::fmt::Debug for S3Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "S3Config({}, {}/{})",
            self.endpoint, self.bucket, self.object
        )
    }
}

/// Why the store cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// The endpoint makes no URL.
    #[error("`lease.endpoint` must be an URL such as https://sos-at-vie-1.exo.io")]
    Endpoint(#[source] BucketError),
    /// No HTTP client can be made.
    #[error("cannot make an HTTP client for the lease")]
    Client(#[source] reqwest::Error),
}

/// One object of a bucket.
#[derive(Debug)]
pub struct S3 {
    http: Client,
    bucket: Bucket,
    credentials: Credentials,
    object: String,
    timeout: Duration,
    /// Whether the object was there once.
    was_seen: AtomicBool,
}

impl S3 {
    /// Makes the client; sends nothing.
    pub fn new(config: S3Config) -> Result<Self, S3Error> {
        let builder = Client::builder()
            .user_agent(concat!("autoscaler/", env!("CARGO_PKG_VERSION")))
            // A redirected request would carry a signature for another place.
            .redirect(redirect::Policy::none())
            // A repeated write would find its own object in the way.
            .retry(reqwest::retry::never())
            // Shorter than servers keep theirs.
            .pool_idle_timeout(Duration::from_secs(10))
            .connect_timeout(config.timeout)
            .referer(false);
        let builder = if config.endpoint.scheme() == "https" {
            builder.https_only(true)
        } else {
            // The local cloud's: no certificates are needed, and no proxy leads there.
            builder.tls_certs_only([]).no_proxy()
        };
        let (endpoint, name) = (config.endpoint, config.bucket);
        let bucket = Bucket::new(endpoint, UrlStyle::Path, name, config.region);
        Ok(Self {
            http: builder.build().map_err(S3Error::Client)?,
            bucket: bucket.map_err(S3Error::Endpoint)?,
            credentials: Credentials::new(config.key, config.secret),
            object: config.object,
            timeout: config.timeout,
            was_seen: AtomicBool::new(false),
        })
    }

    async fn send(&self, method: Method, url: Url, headers: HeaderMap, body: Vec<u8>) -> Sent {
        let request = self.http.request(method, url);
        let request = request.headers(headers).body(body);
        let answer = tokio::time::timeout(self.timeout, async {
            let answer = request.send().await?;
            Whole::read(answer).await
        });
        match answer.await {
            Ok(answer) => answer.map_err(|error| {
                // The URL holds a signature.
                let error = error.without_url();
                let was_sent = !error.is_connect() && !error.is_builder();
                (StoreError::Unreachable(error), was_sent)
            }),
            Err(_) => Err((StoreError::Slow(self.timeout), true)),
        }
    }

    async fn get(&self, object: &str) -> Result<Whole, StoreError> {
        let action = self.bucket.get_object(Some(&self.credentials), object);
        let url = action.sign(VALID);
        let sent = self.send(Method::GET, url, HeaderMap::new(), Vec::new());
        sent.await.map_err(|(error, _)| error)
    }

    async fn put(&self, object: &str, condition: Option<&Condition>, body: Vec<u8>) -> Sent {
        let mut action = self.bucket.put_object(Some(&self.credentials), object);
        let mut headers = HeaderMap::new();
        if let Some(condition) = condition {
            let (name, value) = match condition {
                Condition::Absent => (IF_NONE_MATCH, "*"),
                Condition::Matches(etag) => (IF_MATCH, etag.as_str()),
            };
            action
                .headers_mut()
                .insert(name.as_str().to_owned(), value.to_owned());
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        let url = action.sign(VALID);
        self.send(Method::PUT, url, headers, body).await
    }
}

/// An answer, or an error and whether the request may have reached the store.
type Sent = Result<Whole, (StoreError, bool)>;

/// An answer that was read to its end.
struct Whole {
    status: u16,
    etag: Option<String>,
    body: Vec<u8>,
}

impl Whole {
    async fn read(mut answer: Response) -> Result<Self, reqwest::Error> {
        let etag = answer.headers().get(ETAG);
        let etag = etag.and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await? {
            let rest = MAX_RECORD.saturating_sub(body.len());
            body.extend_from_slice(&part[..part.len().min(rest)]);
        }
        Ok(Self { status, etag, body })
    }

    /// What an error calls itself.
    fn code(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let code = text
            .split_once("<Code>")
            .and_then(|(_, rest)| rest.split_once("</Code>"));
        let code = code.map_or("", |(code, _)| code);
        let shown = code.chars().filter(char::is_ascii_alphanumeric).take(60);
        shown.collect()
    }

    fn error(&self) -> StoreError {
        StoreError::Refused {
            status: self.status,
            code: self.code(),
        }
    }

    /// Whether it says that a condition does not hold, or that another write came in between.
    fn is_rejected(&self) -> bool {
        match self.status {
            412 => true,
            404 => self.code() == "NoSuchKey",
            409 => self.code() == "ConditionalRequestConflict",
            _ => false,
        }
    }
}

impl Store for S3 {
    async fn check(&self) -> Result<(), StoreError> {
        let object = format!("{}.check", self.object);
        let content = b"Shows that this store heeds conditional writes.".to_vec();
        let put = async |condition: Option<&Condition>| {
            let sent = self.put(&object, condition, content.clone()).await;
            sent.map_err(|(error, _)| error)
        };
        let plain = put(None).await?;
        if plain.status != 200 {
            return Err(plain.error());
        }
        let another = Condition::Matches("\"00000000000000000000000000000000\"".to_owned());
        for condition in [&Condition::Absent, &another] {
            let answer = put(Some(condition)).await?;
            if answer.status == 200 {
                return Err(StoreError::Unconditional);
            }
            if !answer.is_rejected() {
                return Err(answer.error());
            }
        }
        let read = self.get(&object).await?;
        match read.status {
            200 => Ok(()),
            _ => Err(read.error()),
        }
    }

    async fn read(&self) -> Result<Option<Seen>, StoreError> {
        let answer = self.get(&self.object).await?;
        match answer.status {
            200 => self.was_seen.store(true, Ordering::Relaxed),
            404 if answer.code() == "NoSuchKey" => return Ok(None),
            // S3 says so of what is not there to those who may not list.
            403 if !self.was_seen.load(Ordering::Relaxed) => return Ok(None),
            _ => return Err(answer.error()),
        }
        let record = Record::read(&answer.body)?;
        let etag = answer.etag.ok_or(StoreError::NoEtag)?;
        Ok(Some(Seen { etag, record }))
    }

    async fn write(&self, record: &Record, condition: &Condition) -> Result<String, WriteError> {
        let sent = self.put(&self.object, Some(condition), record.to_bytes());
        let answer = match sent.await {
            Ok(answer) => answer,
            Err((error, true)) => return Err(WriteError::Unknown(error)),
            Err((error, false)) => return Err(WriteError::Failed(error)),
        };
        match answer.status {
            200 => answer.etag.ok_or(WriteError::Unknown(StoreError::NoEtag)),
            _ if answer.is_rejected() => Err(WriteError::Rejected),
            400..=499 => Err(WriteError::Failed(answer.error())),
            _ => Err(WriteError::Unknown(answer.error())),
        }
    }
}

#[cfg(test)]
mod tests {
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{header, method, path},
    };

    use super::*;

    fn store(server: &MockServer) -> S3 {
        S3::new(S3Config {
            endpoint: server.uri().parse().unwrap(),
            region: "at-vie-1".to_owned(),
            bucket: "leases".to_owned(),
            object: "pool.json".to_owned(),
            key: "EXO1".to_owned(),
            secret: "hush".to_owned(),
            timeout: Duration::from_secs(20),
        })
        .unwrap()
    }

    async fn answers(server: &MockServer, status: u16, body: &str) {
        server.reset().await;
        let answer = ResponseTemplate::new(status).set_body_string(body);
        let answer = answer.insert_header("etag", "\"e\"");
        Mock::given(path("/leases/pool.json"))
            .respond_with(answer)
            .mount(server)
            .await;
    }

    fn record() -> Record {
        let text = r#"{"holder":"a","number":1,"write":1,"writer":"a","duration_ms":15000}"#;
        Record::read(text.as_bytes()).unwrap()
    }

    fn error(code: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>")
    }

    #[tokio::test]
    async fn an_object_that_was_never_seen_may_be_hidden_from_those_who_may_not_list() {
        let server = MockServer::start().await;
        let store = store(&server);
        answers(&server, 403, &error("AccessDenied")).await;
        assert_eq!(store.read().await.unwrap(), None);
        let text = String::from_utf8(record().to_bytes()).unwrap();
        answers(&server, 200, &text).await;
        assert_eq!(store.read().await.unwrap().unwrap().record, record());
        answers(&server, 403, &error("AccessDenied")).await;
        let refused = store.read().await.unwrap_err().to_string();
        assert!(
            refused.contains("403 AccessDenied; the key's role"),
            "{refused}"
        );
        answers(&server, 404, &error("NoSuchBucket")).await;
        let missing = store.read().await.unwrap_err().to_string();
        assert!(missing.contains("create the bucket"), "{missing}");
        answers(&server, 200, "{}").await;
        assert!(matches!(store.read().await, Err(StoreError::Record(_))));
    }

    #[tokio::test]
    async fn each_answer_to_a_write_says_whether_it_was_made() {
        let server = MockServer::start().await;
        let store = store(&server);
        let (absent, record) = (Condition::Absent, record());
        let mut ended = Vec::new();
        for (status, code) in [
            (200, ""),
            (412, "PreconditionFailed"),
            (409, "ConditionalRequestConflict"),
            (404, "NoSuchKey"),
            (404, "NoSuchBucket"),
            (403, "AccessDenied"),
            (500, "InternalError"),
        ] {
            answers(&server, status, &error(code)).await;
            ended.push(match store.write(&record, &absent).await {
                Ok(etag) => etag,
                Err(WriteError::Rejected) => "rejected".to_owned(),
                Err(WriteError::Failed(_)) => "failed".to_owned(),
                Err(WriteError::Unknown(_)) => "unknown".to_owned(),
            });
        }
        let expected = [
            "\"e\"", "rejected", "rejected", "rejected", "failed", "failed", "unknown",
        ];
        assert_eq!(ended, expected);
    }

    #[tokio::test]
    async fn the_condition_is_sent_and_signed() {
        let server = MockServer::start().await;
        let store = store(&server);
        Mock::given(method("PUT"))
            .and(header("if-match", "\"e\""))
            .respond_with(ResponseTemplate::new(200).insert_header("etag", "\"f\""))
            .mount(&server)
            .await;
        let matches = Condition::Matches("\"e\"".to_owned());
        assert_eq!(store.write(&record(), &matches).await.unwrap(), "\"f\"");
        let requests = server.received_requests().await.unwrap();
        let query: Vec<_> = requests[0].url.query_pairs().collect();
        let signed = query.iter().find(|(name, _)| name == "X-Amz-SignedHeaders");
        assert_eq!(signed.unwrap().1, "host;if-match");
    }

    #[tokio::test]
    async fn no_error_shows_a_signature() {
        let server = MockServer::start().await;
        let store = store(&server);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let gone = Bucket::new(
            endpoint.parse().unwrap(),
            UrlStyle::Path,
            "leases".to_owned(),
            "at-vie-1".to_owned(),
        );
        let store = S3 {
            bucket: gone.unwrap(),
            ..store
        };
        let error = store.read().await.unwrap_err();
        assert!(!format!("{error:?} {error}").contains("X-Amz"), "{error:?}");
        let failed = store.write(&record(), &Condition::Absent).await;
        assert!(matches!(failed, Err(WriteError::Failed(_))), "{failed:?}");
        assert!(!format!("{store:?}").contains("hush"));
    }
}
