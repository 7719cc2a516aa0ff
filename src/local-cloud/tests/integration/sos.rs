//! SOS, the object storage: what a client of S3 may do there, and what it is refused.

use std::time::Duration;

use local_cloud::{Fault, FaultKind, LocalCloudConfig};
use reqwest::{Method, Response, StatusCode};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use serde_json::{Value, json};
use test_support::Api;

/// How long a URL of these tests is valid.
const VALID: Duration = Duration::from_secs(60);

/// A bucket of a local cloud, seen with one key.
struct Client<'a> {
    api: &'a Api,
    bucket: Bucket,
    credentials: Credentials,
}

impl<'a> Client<'a> {
    fn of(api: &'a Api, name: &str) -> Self {
        let cloud = &api.cloud;
        let secret = std::str::from_utf8(cloud.secret().expose()).unwrap();
        Self::with_key(api, name, cloud.key().as_str(), secret)
    }

    fn with_key(api: &'a Api, name: &str, key: &str, secret: &str) -> Self {
        let endpoint = api.cloud.sos_endpoint().parse().unwrap();
        let bucket = Bucket::new(endpoint, UrlStyle::Path, name.to_owned(), "at-vie-1");
        Self {
            api,
            bucket: bucket.unwrap(),
            credentials: Credentials::new(key, secret),
        }
    }

    async fn send<'s>(
        &'s self,
        method: Method,
        mut action: impl S3Action<'s>,
        headers: &[(&'static str, &'s str)],
        body: &str,
    ) -> Response {
        for (name, value) in headers {
            action.headers_mut().insert(*name, *value);
        }
        let url = action.sign(VALID);
        let mut request = self.api.http.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.to_owned()).send().await.unwrap()
    }

    async fn create(&self) -> Response {
        let action = self.bucket.create_bucket(&self.credentials);
        self.send(Method::PUT, action, &[], "").await
    }

    async fn delete_bucket(&self) -> Response {
        let action = self.bucket.delete_bucket(&self.credentials);
        self.send(Method::DELETE, action, &[], "").await
    }

    async fn put(&self, key: &str, headers: &[(&'static str, &str)], body: &str) -> Response {
        let action = self.bucket.put_object(Some(&self.credentials), key);
        self.send(Method::PUT, action, headers, body).await
    }

    async fn get(&self, key: &str, headers: &[(&'static str, &str)]) -> Response {
        let action = self.bucket.get_object(Some(&self.credentials), key);
        self.send(Method::GET, action, headers, "").await
    }

    async fn head(&self, key: &str) -> Response {
        let action = self.bucket.head_object(Some(&self.credentials), key);
        self.send(Method::HEAD, action, &[], "").await
    }

    async fn delete(&self, key: &str, headers: &[(&'static str, &str)]) -> Response {
        let action = self.bucket.delete_object(Some(&self.credentials), key);
        self.send(Method::DELETE, action, headers, "").await
    }
}

async fn api() -> Api {
    Api::start(LocalCloudConfig::without_processes()).await
}

fn etag(answer: &Response) -> String {
    answer.headers()["etag"].to_str().unwrap().to_owned()
}

/// Fails unless it was refused with this status and S3's code.
async fn refused(answer: Response, status: u16, code: &str) {
    assert_eq!(answer.status().as_u16(), status, "{code}");
    assert_eq!(answer.headers()["content-type"], "application/xml");
    let text = answer.text().await.unwrap();
    assert!(
        text.contains(&format!("<Error><Code>{code}</Code>")),
        "{text}"
    );
}

#[tokio::test]
async fn an_object_is_kept_and_changed_under_conditions() {
    let api = api().await;
    let client = Client::of(&api, "leases");
    refused(client.put("pool", &[], "1").await, 404, "NoSuchBucket").await;
    assert_eq!(client.create().await.status(), StatusCode::OK);
    refused(client.create().await, 409, "BucketAlreadyOwnedByYou").await;
    refused(client.get("pool", &[]).await, 404, "NoSuchKey").await;

    let absent = [("if-none-match", "*")];
    let first = client.put("pool", &absent, "1").await;
    assert_eq!(first.status(), StatusCode::OK);
    let first = etag(&first);
    let again = client.put("pool", &absent, "1").await;
    refused(again, 412, "PreconditionFailed").await;
    let second = client.put("pool", &[("if-match", &first)], "2").await;
    let second = etag(&second);
    let stale = client.put("pool", &[("if-match", &first)], "3").await;
    refused(stale, 412, "PreconditionFailed").await;
    let missing = client.put("none", &[("if-match", &first)], "3").await;
    refused(missing, 404, "NoSuchKey").await;
    let odd = client.put("pool", &[("if-none-match", &first)], "3").await;
    refused(odd, 501, "NotImplemented").await;

    let read = client.get("pool", &[]).await;
    assert_eq!(etag(&read), second);
    assert_eq!(read.text().await.unwrap(), "2");
    let known = client.get("pool", &[("if-none-match", &second)]).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let changed = client.get("pool", &[("if-match", &first)]).await;
    refused(changed, 412, "PreconditionFailed").await;
    let head = client.head("pool").await;
    assert_eq!(
        (etag(&head), &head.headers()["content-length"]),
        (second.clone(), &"1".parse().unwrap())
    );
    assert_eq!(client.head("none").await.status(), StatusCode::NOT_FOUND);

    refused(client.delete_bucket().await, 409, "BucketNotEmpty").await;
    let stale = client.delete("pool", &[("if-match", &first)]).await;
    refused(stale, 412, "PreconditionFailed").await;
    let deleted = client.delete("pool", &[("if-match", &second)]).await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        client.delete("pool", &[]).await.status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        client.delete_bucket().await.status(),
        StatusCode::NO_CONTENT
    );
    api.cloud.stop().await;
}

#[tokio::test]
async fn only_a_key_of_the_account_is_let_in_and_its_role_decides() {
    let api = api().await;
    let owner = Client::of(&api, "leases");
    owner.create().await;
    let secret = std::str::from_utf8(api.cloud.secret().expose()).unwrap();
    let key = api.cloud.key().as_str();
    let wrong = Client::with_key(&api, "leases", key, "wrong");
    refused(wrong.get("a", &[]).await, 403, "SignatureDoesNotMatch").await;
    let unknown = Client::with_key(&api, "leases", "EXOunknown", secret);
    refused(unknown.get("a", &[]).await, 403, "InvalidAccessKeyId").await;
    let anonymous = format!("{}/leases/a", api.cloud.sos_endpoint());
    let anonymous = api.http.get(anonymous).send().await.unwrap();
    refused(anonymous, 403, "AccessDenied").await;

    let expression = "parameters.bucket == 'leases' && operation in ['get-object', 'put-object']";
    let role = api
        .post(
            "/iam-role",
            json!({ "name": "agent", "policy": {
                "default-service-strategy": "deny",
                "services": { "sos": { "type": "rules", "rules": [
                    { "action": "allow", "expression": expression },
                ] } },
            } }),
        )
        .await;
    let role = api.done(role).await;
    let made = api
        .post("/api-key", json!({ "name": "agent", "role-id": role }))
        .await;
    let text = |field: &str| made.body[field].as_str().unwrap().to_owned();
    let (key, secret) = (text("key"), text("secret"));
    let agent = Client::with_key(&api, "leases", &key, &secret);
    assert_eq!(agent.put("a", &[], "1").await.status(), StatusCode::OK);
    refused(agent.delete("a", &[]).await, 403, "AccessDenied").await;
    let other = Client::with_key(&api, "other", &key, &secret);
    Client::of(&api, "other").create().await;
    refused(other.put("a", &[], "1").await, 403, "AccessDenied").await;
    refused(other.create().await, 403, "AccessDenied").await;
    api.cloud.stop().await;
}

#[tokio::test]
async fn faults_reach_it() {
    let api = api().await;
    let client = Client::of(&api, "leases");
    client.create().await;
    let faults = api.cloud.faults();
    faults.add(Fault::fail("put-object", 1, 409, "as asked"));
    refused(
        client.put("a", &[], "1").await,
        409,
        "ConditionalRequestConflict",
    )
    .await;
    faults.add(Fault::new("put-object", 1, FaultKind::RateLimit));
    refused(client.put("a", &[], "1").await, 429, "TooManyRequests").await;
    faults.add(Fault::new("*", 1, FaultKind::Fail));
    refused(client.get("a", &[]).await, 503, "SlowDown").await;

    // Applied, and the client hears nothing of it.
    let mut lost = Fault::new("put-object", 1, FaultKind::ApplyWithoutAnswer);
    lost.key = Some(api.cloud.key().as_str().to_owned());
    faults.add(lost);
    let action = client.bucket.put_object(Some(&client.credentials), "a");
    let answer = api.http.put(action.sign(VALID)).body("1").send().await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(client.get("a", &[]).await.text().await.unwrap(), "1");
    let mut other = Fault::new("get-object", 1, FaultKind::Fail);
    other.key = Some("EXOother".to_owned());
    faults.add(other);
    assert_eq!(client.get("a", &[]).await.status(), StatusCode::OK);

    let set = |kind: &str| {
        let fault = json!({ "operation": "put-object", "count": 1, "fault": kind });
        api.local(Method::POST, "/faults", Some(fault))
    };
    assert_eq!(set("hang").await.status, StatusCode::OK);
    set("edit-answer")
        .await
        .refused(400, "must be one of the API");
    set("fail-operation")
        .await
        .refused(400, "must be one that changes something");
    api.cloud.stop().await;
}

#[tokio::test]
async fn its_address_is_told_where_clients_look_for_it() {
    let api = api().await;
    let own = api.cloud.sos_endpoint().to_owned();
    let zones = api.get("/zone").await.body["zones"].clone();
    let of = |name: &str| {
        let zones: &Vec<Value> = zones.as_array().unwrap();
        let zone = zones.iter().find(|zone| zone["name"] == name).unwrap();
        zone["sos-endpoint"].as_str().unwrap().to_owned()
    };
    assert_eq!(of("at-vie-1"), own);
    assert_eq!(of("ch-gva-2"), "https://sos-ch-gva-2.exo.io");
    let variables = api.cloud.endpoint().replace("/v2", "/_local/environment");
    let variables = api.http.get(variables).send().await.unwrap();
    let variables = variables.text().await.unwrap();
    assert!(variables.contains(&format!("export EXOSCALE_SOS_ENDPOINT='{own}'\n")));
    api.cloud.stop().await;
}

/// What boto3 does in a bucket; it signs in the header.
const SCRIPT: &str = r#"
import os, boto3
from botocore.config import Config
from botocore.exceptions import ClientError

def client(secret):
    return boto3.client("s3", endpoint_url=os.environ["EXOSCALE_SOS_ENDPOINT"],
        aws_access_key_id=os.environ["EXOSCALE_API_KEY"], aws_secret_access_key=secret,
        region_name="at-vie-1", config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}))

def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
    else:
        raise AssertionError(code)

s3 = client(os.environ["EXOSCALE_API_SECRET"])
condition = {}
# Older versions have no arguments for conditions.
s3.meta.events.register("before-call.s3.PutObject", lambda params, **_: params["headers"].update(condition))

def put(headers, **arguments):
    condition.update(headers)
    try:
        return s3.put_object(Bucket="leases", **arguments)
    finally:
        condition.clear()

s3.create_bucket(Bucket="leases")
s3.head_bucket(Bucket="leases")
names = [f"a/{n} ä+&=~*'()" for n in range(5)] + ["b"]
for name in names:
    put({"If-None-Match": "*"}, Key=name, Body=name.encode(), Metadata={"n": "1"})
refused("PreconditionFailed", put, headers={"If-None-Match": "*"}, Key="b", Body=b"")
got = s3.get_object(Bucket="leases", Key=names[0])
assert got["Body"].read().decode() == names[0] and got["Metadata"] == {"n": "1"}, got
put({"If-Match": s3.head_object(Bucket="leases", Key="b")["ETag"]}, Key="b", Body=b"2")
refused("PreconditionFailed", put, headers={"If-Match": got["ETag"]}, Key="b", Body=b"3")
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="leases", PaginationConfig={"PageSize": 2})
assert [o["Key"] for p in pages for o in p["Contents"]] == names
assert [o["Key"] for o in s3.list_objects(Bucket="leases", Prefix="b")["Contents"]] == ["b"]
page = s3.list_objects_v2(Bucket="leases", Delimiter="/")
assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["a/"] and page["KeyCount"] == 2, page
assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["leases"]
assert s3.get_bucket_location(Bucket="leases")["LocationConstraint"] == "at-vie-1"
refused("SignatureDoesNotMatch", client("wrong").list_buckets)
refused("NoSuchBucket", s3.list_objects_v2, Bucket="none")
refused("InvalidBucketName", s3.create_bucket, Bucket="Capital")
refused("NotImplemented", s3.put_bucket_versioning, Bucket="leases", VersioningConfiguration={"Status": "Enabled"})
refused("EntityTooLarge", s3.put_object, Bucket="leases", Key="large", Body=bytes((1 << 20) + 1))
refused("BucketNotEmpty", s3.delete_bucket, Bucket="leases")
for name in names:
    s3.delete_object(Bucket="leases", Key=name)
s3.delete_bucket(Bucket="leases")
"#;

#[tokio::test]
async fn boto3_works_with_it() {
    let python = |script: &str| {
        let mut command = tokio::process::Command::new("python3");
        command.args(["-c", script]);
        command
    };
    let has = python("import boto3").output().await;
    if !has.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_none(),
            "python3 has no boto3"
        );
        println!("skipped: python3 has no boto3 (python3-boto3 in Debian)");
        return;
    }
    let api = api().await;
    let secret = std::str::from_utf8(api.cloud.secret().expose()).unwrap();
    let output = python(SCRIPT)
        .env("EXOSCALE_SOS_ENDPOINT", api.cloud.sos_endpoint())
        .env("EXOSCALE_API_KEY", api.cloud.key().as_str())
        .env("EXOSCALE_API_SECRET", secret)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    api.cloud.stop().await;
}
