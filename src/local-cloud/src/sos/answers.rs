//! What SOS answers, as XML in S3's form.

use actix_web::{HttpResponse, http::StatusCode};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{
    error::Refusal,
    listing::{Wanted, token_of},
    store::{Page, Store},
};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A document with its root's name.
pub(super) fn xml(status: StatusCode, root: &str, content: &impl Serialize) -> HttpResponse {
    let document = quick_xml::se::to_string_with_root(root, content);
    // Each has fields that are texts and numbers, which always can be written.
    let document = document.unwrap_or_default();
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let mut answer = HttpResponse::build(status);
    answer.content_type("application/xml");
    answer.body(format!("{head}{document}"))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    resource: &'a str,
    request_id: &'a str,
}

/// An error; a HEAD gets its status alone.
pub(super) fn error(
    status: StatusCode,
    code: &str,
    message: &str,
    resource: &str,
    request_id: &str,
) -> HttpResponse {
    let body = ErrorBody {
        code,
        message,
        resource,
        request_id,
    };
    xml(status, "Error", &body)
}

pub(super) fn refuse(refusal: Refusal, resource: &str, request_id: &str) -> HttpResponse {
    let (status, code) = (refusal.status(), refusal.code());
    error(status, code, refusal.message(), resource, request_id)
}

/// A time as S3 writes it in documents.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[derive(Serialize)]
struct BucketList {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    #[serde(rename = "Owner")]
    owner: Owner,
    #[serde(rename = "Buckets")]
    buckets: Buckets,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Owner {
    #[serde(rename = "ID")]
    id: &'static str,
    display_name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Buckets {
    bucket: Vec<BucketEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BucketEntry {
    name: String,
    creation_date: String,
}

pub(super) fn buckets(store: &Store) -> HttpResponse {
    let bucket = store.buckets().map(|(name, bucket)| BucketEntry {
        name: name.clone(),
        creation_date: time(bucket.created),
    });
    let list = BucketList {
        namespace: NAMESPACE,
        owner: Owner {
            id: "local-cloud",
            display_name: "local-cloud",
        },
        buckets: Buckets {
            bucket: bucket.collect(),
        },
    };
    xml(StatusCode::OK, "ListAllMyBucketsResult", &list)
}

#[derive(Serialize)]
struct Location<'a> {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    #[serde(rename = "$text")]
    zone: &'a str,
}

pub(super) fn location(zone: &str) -> HttpResponse {
    let location = Location {
        namespace: NAMESPACE,
        zone,
    };
    xml(StatusCode::OK, "LocationConstraint", &location)
}

/// Both versions of the list: what one does not have is left out.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ObjectList<'a> {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    name: &'a str,
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continuation_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_count: Option<usize>,
    max_keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_type: Option<&'static str>,
    is_truncated: bool,
    contents: Vec<ObjectEntry>,
    common_prefixes: Vec<CommonPrefix>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ObjectEntry {
    key: String,
    last_modified: String,
    #[serde(rename = "ETag")]
    etag: String,
    size: usize,
    storage_class: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

pub(super) fn objects(
    store: &Store,
    bucket: &str,
    wanted: &Wanted<'_>,
    page: &Page,
) -> HttpResponse {
    let encode = |text: &str| {
        if wanted.is_encoded {
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
        } else {
            text.to_owned()
        }
    };
    let given = |text: &str| Some(encode(text)).filter(|text| !text.is_empty());
    let second = wanted.is_second_version;
    let entry = |key: &String| {
        let object = store.get(bucket, key).ok()?;
        Some(ObjectEntry {
            key: encode(key),
            last_modified: time(object.modified),
            etag: object.etag.clone(),
            size: object.content.len(),
            storage_class: "STANDARD",
        })
    };
    let prefixes = page.prefixes.iter().map(|prefix| CommonPrefix {
        prefix: encode(prefix),
    });
    let list = ObjectList {
        namespace: NAMESPACE,
        name: bucket,
        prefix: encode(wanted.prefix),
        marker: (!second).then(|| encode(wanted.start_after)),
        next_marker: page.next.as_deref().filter(|_| !second).map(encode),
        start_after: given(wanted.start_after).filter(|_| second),
        continuation_token: wanted.token,
        next_continuation_token: page
            .next
            .clone()
            .filter(|_| second)
            .map(|next| token_of(&next)),
        key_count: second.then_some(page.keys.len() + page.prefixes.len()),
        max_keys: wanted.most,
        delimiter: given(wanted.delimiter),
        encoding_type: wanted.is_encoded.then_some("url"),
        is_truncated: page.next.is_some(),
        contents: page.keys.iter().filter_map(entry).collect(),
        common_prefixes: prefixes.collect(),
    };
    xml(StatusCode::OK, "ListBucketResult", &list)
}
