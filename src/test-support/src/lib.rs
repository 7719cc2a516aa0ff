//! A local cloud with short times, and a client that speaks to it over HTTP as any client would.

#![allow(clippy::missing_panics_doc, reason = "a test fails by a panic")]

pub mod grafana;
pub mod openapi;

use std::time::Duration;

use exoscale::{
    ids::PoolId,
    plain_http,
    secret::{ApiKey, ApiSecret},
    signature::{self, SignedRequest},
};
use local_cloud::{LocalCloud, LocalCloudConfig, Status, catalog};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

/// Longer than anything takes on a busy machine; only failures wait for it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Times that are short, for tests that wait for the end of each change.
pub fn quick(config: LocalCloudConfig) -> LocalCloudConfig {
    LocalCloudConfig {
        operation_time: Duration::from_millis(100),
        boot_time: Duration::from_millis(150),
        ..config
    }
}

/// Times in which a call that looks at a change on its way comes soon enough on a busy machine.
pub fn unhurried(config: LocalCloudConfig) -> LocalCloudConfig {
    LocalCloudConfig {
        operation_time: Duration::from_secs(2),
        boot_time: Duration::from_secs(3),
        ..config
    }
}

/// An answer of the API or of `/_local`, whatever its status.
pub struct Reply {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub body: Value,
}

impl Reply {
    /// What an error says.
    pub fn message(&self) -> &str {
        self.body["message"]
            .as_str()
            .expect("an error has a message")
    }

    /// Fails unless it was refused with this status and a message that says `part`.
    #[track_caller]
    pub fn refused(&self, status: u16, part: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert!(
            self.message().contains(part),
            "{:?} lacks {part:?}",
            self.message()
        );
    }
}

/// A local cloud of one test, and the client that calls it.
pub struct Api {
    pub cloud: LocalCloud,
    pub http: reqwest::Client,
}

impl Api {
    pub async fn start(config: LocalCloudConfig) -> Self {
        Self {
            cloud: LocalCloud::start(config)
                .await
                .expect("the local cloud starts"),
            http: plain_http::client().unwrap(),
        }
    }

    /// No processes, short times.
    pub async fn without_processes() -> Self {
        Self::start(quick(LocalCloudConfig::without_processes())).await
    }

    /// No processes, and time to look at changes on their way.
    pub async fn unhurried() -> Self {
        Self::start(unhurried(LocalCloudConfig::without_processes())).await
    }

    /// A request signed with the key of the account's owner.
    pub fn request(&self, method: &Method, path: &str, body: &[u8]) -> reqwest::RequestBuilder {
        self.request_as(self.cloud.key(), self.cloud.secret(), method, path, body)
    }

    /// A signed request; `path` follows `/v2` and may have a query.
    pub fn request_as(
        &self,
        key: &ApiKey,
        secret: &ApiSecret,
        method: &Method,
        path: &str,
        body: &[u8],
    ) -> reqwest::RequestBuilder {
        let (plain, query) = path.split_once('?').unwrap_or((path, ""));
        let query = signature::query_arguments(query);
        let signed = SignedRequest {
            method: method.as_str(),
            path: &format!("/v2{plain}"),
            query: &query,
            body,
        };
        let expires = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() + 600;
        self.http
            .request(method.clone(), format!("{}{path}", self.cloud.endpoint()))
            .header(
                header::AUTHORIZATION,
                signature::sign(key, secret, signed, expires),
            )
            .body(body.to_vec())
    }

    /// Sends such a request and reads the answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        read(self.request(&method, path, body.as_bytes())).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, None).await
    }

    /// A call below `/_local`, which is not signed.
    pub async fn local(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let origin = self.cloud.endpoint().replace("/v2", "/_local");
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        read(
            self.http
                .request(method, format!("{origin}{path}"))
                .body(body),
        )
        .await
    }

    /// The id of the resource of an operation, when that has ended well.
    #[track_caller]
    pub fn done(&self, reply: Reply) -> impl Future<Output = String> {
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        async move {
            let path = format!("/operation/{}", reply.body["id"].as_str().unwrap());
            let work = async {
                loop {
                    let operation = self.get(&path).await.body;
                    match operation["state"].as_str().unwrap() {
                        "pending" => sleep(Duration::from_millis(20)).await,
                        "success" => {
                            break operation["reference"]["id"].as_str().unwrap().to_owned();
                        }
                        _ => panic!("{operation}"),
                    }
                }
            };
            timeout(PATIENCE, work).await.expect("the operation ends")
        }
    }

    /// A pool that is `running`; its members may still boot.
    pub async fn pool(&self, size: u32) -> PoolId {
        let created = self.post("/instance-pool", new_pool(size)).await;
        self.done(created).await.parse().unwrap()
    }

    /// The status, as soon as it is as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let work = async {
            loop {
                let status = self.cloud.status();
                if wanted(&status) {
                    break status;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        match timeout(PATIENCE, work).await {
            Ok(status) => status,
            Err(elapsed) => panic!("{what}: {elapsed}; at last {:#?}", self.cloud.status()),
        }
    }
}

/// Sends a request that a test made up itself.
pub async fn read(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.expect("an answer");
    Reply {
        status: response.status(),
        headers: response.headers().clone(),
        body: response.json().await.expect("JSON"),
    }
}

/// What `create-instance-pool` takes, with every kind of field.
pub fn new_pool(size: u32) -> Value {
    json!({
        "name": "test",
        "size": size,
        "template": { "id": catalog::TEMPLATES[0].core.id },
        "instance-type": { "id": catalog::INSTANCE_TYPES[1].core.id },
        "disk-size": 10,
        "instance-prefix": "web",
        "user-data": "aGVsbG8sIGluc3RhbmNl",
        "labels": { "role": "web" },
        "security-groups": [],
    })
}

/// What `add-service-to-load-balancer` takes.
pub fn new_service(pool: PoolId) -> Value {
    json!({
        "name": "http",
        "description": "front",
        "instance-pool": { "id": pool },
        "protocol": "tcp",
        "strategy": "round-robin",
        "port": 80,
        "target-port": 8080,
        "healthcheck": {
            "mode": "http", "port": 8080, "uri": "/health",
            "interval": 10, "timeout": 5, "retries": 1,
        },
    })
}

/// `object` with one field changed, or removed when the value is null.
pub fn changed(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a JSON pointer");
    let fields = object
        .pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect("an object");
    if value.is_null() {
        fields.remove(name);
    } else {
        fields.insert(name.to_owned(), value);
    }
    object
}
