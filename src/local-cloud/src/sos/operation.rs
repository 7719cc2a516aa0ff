//! Which operation a request stands for, and how it is carried out.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use jiff::fmt::rfc2822::DateTimePrinter;
use md5::{Digest as _, Md5};

use super::{
    answers,
    error::Refusal,
    listing::Wanted,
    signature::Request,
    store::{Condition, Object, Store, lists},
};

/// The operations of SOS, as IAM policies and faults name them, and whether each changes something.
pub(crate) const OPERATIONS: [(&str, bool); 10] = [
    ("create-bucket", true),
    ("delete-bucket", true),
    ("delete-object", true),
    ("get-bucket-location", false),
    ("get-object", false),
    ("head-bucket", false),
    ("head-object", false),
    ("list-buckets", false),
    ("list-objects", false),
    ("put-object", true),
];

/// Arguments of a query that are no subresource: those of lists, of a signature, and what the Go
/// SDK adds to name its own call.
const PLAIN_ARGUMENTS: [&str; 10] = [
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "list-type",
    "location",
    "marker",
    "max-keys",
    "prefix",
    "start-after",
];

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) operation: &'static str,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

impl<'a> Target<'a> {
    /// `path` is decoded.
    pub(super) fn of(
        method: &str,
        path: &'a str,
        query: &[(String, String)],
    ) -> Result<Self, Refusal> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let has = |name: &str| query.iter().any(|(known, _)| known == name);
        let is_plain = |name: &str| {
            PLAIN_ARGUMENTS.contains(&name) || name == "x-id" || name.starts_with("X-Amz-")
        };
        if query.iter().any(|(name, _)| !is_plain(name)) {
            return Err(Refusal::NotImplemented);
        }
        let operation = match (method, bucket.is_empty(), key.is_empty()) {
            ("GET", true, _) => "list-buckets",
            ("GET", false, true) if has("location") => "get-bucket-location",
            ("GET", false, true) => "list-objects",
            ("HEAD", false, true) => "head-bucket",
            ("PUT", false, true) => "create-bucket",
            ("DELETE", false, true) => "delete-bucket",
            ("GET", false, false) => "get-object",
            ("HEAD", false, false) => "head-object",
            ("PUT", false, false) => "put-object",
            ("DELETE", false, false) => "delete-object",
            _ => return Err(Refusal::MethodNotAllowed),
        };
        Ok(Self {
            operation,
            bucket,
            key,
        })
    }
}

/// Carries a request out.
pub(super) fn perform(
    store: &mut Store,
    target: Target<'_>,
    request: Request<'_>,
    zone: &str,
) -> Result<HttpResponse, Refusal> {
    let Target {
        operation,
        bucket,
        key,
    } = target;
    match operation {
        "list-buckets" => Ok(answers::buckets(store)),
        "get-bucket-location" => store.bucket(bucket).map(|_| answers::location(zone)),
        "list-objects" => list(store, bucket, request),
        "head-bucket" => store.bucket(bucket).map(|_| HttpResponse::Ok().finish()),
        "create-bucket" => {
            store.create(bucket)?;
            let location = (header::LOCATION, format!("/{bucket}"));
            Ok(HttpResponse::Ok().insert_header(location).finish())
        }
        "delete-bucket" => {
            store.delete(bucket)?;
            Ok(HttpResponse::NoContent().finish())
        }
        "put-object" => put(store, bucket, key, request),
        "delete-object" => {
            store.remove(bucket, key, &condition(request)?)?;
            Ok(HttpResponse::NoContent().finish())
        }
        _ => get(store, bucket, key, request),
    }
}

fn list(store: &Store, bucket: &str, request: Request<'_>) -> Result<HttpResponse, Refusal> {
    let wanted = Wanted::read(request.query)?;
    let (prefix, delimiter) = (wanted.prefix, wanted.delimiter);
    let page = store.list(bucket, prefix, delimiter, &wanted.after()?, wanted.most)?;
    Ok(answers::objects(store, bucket, &wanted, &page))
}

/// What a change asks for. `If-None-Match` of a change knows `*` alone, as on S3.
fn condition(request: Request<'_>) -> Result<Condition, Refusal> {
    let is_absent = match request.header("if-none-match") {
        None => false,
        Some("*") => true,
        Some(_) => return Err(Refusal::NotImplemented),
    };
    Ok(Condition {
        matches: request.header("if-match").map(str::to_owned),
        is_absent,
    })
}

fn put(
    store: &mut Store,
    bucket: &str,
    key: &str,
    request: Request<'_>,
) -> Result<HttpResponse, Refusal> {
    if request.header("x-amz-copy-source").is_some() {
        return Err(Refusal::NotImplemented);
    }
    if let Some(digest) = request.header("content-md5") {
        let digest = BASE64_STANDARD.decode(digest);
        let digest = digest.map_err(|_| Refusal::InvalidDigest)?;
        if digest != Md5::digest(request.body).as_slice() {
            return Err(Refusal::BadDigest);
        }
    }
    let is_kept = |name: &str| {
        name.starts_with("x-amz-meta-")
            || ["cache-control", "content-disposition", "content-type"].contains(&name)
    };
    let kept = request.headers.iter().filter(|(name, _)| is_kept(name));
    let object = Object::new(
        Bytes::copy_from_slice(request.body),
        kept.cloned().collect(),
    );
    let etag = object.etag.clone();
    store.put(bucket, key, object, &condition(request)?)?;
    let etag = (header::ETAG, etag);
    Ok(HttpResponse::Ok().insert_header(etag).finish())
}

/// GET and HEAD; the server leaves out the body of the latter.
fn get(
    store: &Store,
    bucket: &str,
    key: &str,
    request: Request<'_>,
) -> Result<HttpResponse, Refusal> {
    let object = store.get(bucket, key)?;
    let names = |name| {
        let list: Option<&str> = request.header(name);
        list.map(|list| lists(list, &object.etag))
    };
    if names("if-match") == Some(false) {
        return Err(Refusal::PreconditionFailed);
    }
    let is_known = names("if-none-match") == Some(true);
    let status = if is_known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::ETAG, object.etag.clone()));
    let mut modified = String::new();
    let printed = DateTimePrinter::new().print_timestamp_rfc9110(&object.modified, &mut modified);
    if printed.is_ok() {
        answer.insert_header((header::LAST_MODIFIED, modified));
    }
    if is_known {
        return Ok(answer.finish());
    }
    answer.insert_header((header::CONTENT_TYPE, "binary/octet-stream"));
    for (name, value) in &object.headers {
        answer.insert_header((name.as_str(), value.as_str()));
    }
    Ok(answer.body(object.content.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_bucket_and_a_key() {
        let target =
            |method, path| Target::of(method, path, &[]).map(|t| (t.operation, t.bucket, t.key));
        assert_eq!(target("GET", "/"), Ok(("list-buckets", "", "")));
        assert_eq!(target("GET", "/b"), Ok(("list-objects", "b", "")));
        assert_eq!(target("PUT", "/b/"), Ok(("create-bucket", "b", "")));
        assert_eq!(target("PUT", "/b/k/e y"), Ok(("put-object", "b", "k/e y")));
        assert_eq!(target("HEAD", "/b//k"), Ok(("head-object", "b", "/k")));
        assert_eq!(target("POST", "/b"), Err(Refusal::MethodNotAllowed));
        let uploads = [("uploads".to_owned(), String::new())];
        let unserved = Target::of("POST", "/b/k", &uploads);
        assert_eq!(unserved.map(|t| t.operation), Err(Refusal::NotImplemented));
    }
}
