//! A bucket, seen with a key: what is there, and URLs that let others reach single objects.

use std::{fmt, path::Path, str::FromStr, time::Duration};

use reqwest::Url;
use rusty_s3::{Bucket as Signer, Credentials, S3Action, UrlStyle, actions::ListObjectsV2};

use super::{
    account::Account,
    requests::{StoreError, Uploader},
};

/// How long a URL is valid that is used at once.
const AT_ONCE: Duration = Duration::from_secs(15 * 60);

/// A folder of a bucket, or an object, such as `s3://bucket/runs/1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) bucket: String,
    /// Without a slash at either end.
    pub(super) key: String,
}

/// A text that names no place in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place in a bucket, such as s3://my-bucket/runs/1")]
pub struct PlaceError(String);

impl Place {
    /// Whether a text is meant as one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("s3://")
    }

    /// The folder and the name, where this is an interval log.
    fn log(&self) -> Option<(Self, String)> {
        let (folder, name) = self.key.rsplit_once('/').unwrap_or(("", self.key.as_str()));
        is_log(name).then(|| {
            let folder = Self {
                bucket: self.bucket.clone(),
                key: folder.to_owned(),
            };
            (folder, name.to_owned())
        })
    }

    /// The folder itself, or that of the interval log.
    pub(super) fn folder(&self) -> Self {
        self.log()
            .map_or_else(|| self.clone(), |(folder, _)| folder)
    }

    /// The key of an object of this folder.
    pub(super) fn join(&self, name: &str) -> String {
        match &*self.key {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        }
    }
}

fn is_log(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|kind| kind == "hlog")
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || PlaceError(text.to_owned());
        let rest = text.strip_prefix("s3://").ok_or_else(wrong)?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if bucket.len() < 3 || !bucket.chars().all(is_plain) {
            return Err(wrong());
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.trim_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// A bucket and the key to use there.
#[derive(Debug)]
pub struct Bucket {
    signer: Signer,
    credentials: Credentials,
    uploader: Uploader,
}

impl Bucket {
    /// Sends nothing yet.
    pub fn new(account: &Account, place: &Place) -> Result<Self, StoreError> {
        let endpoint = account.endpoint.clone();
        let uploader = Uploader::new(endpoint.scheme())?;
        let region = account.region.clone();
        let signer = Signer::new(endpoint, UrlStyle::Path, place.bucket.clone(), region);
        let (key, secret) = (&*account.key, &*account.secret);
        Ok(Self {
            signer: signer.map_err(StoreError::Endpoint)?,
            credentials: match &account.token {
                None => Credentials::new(key, secret),
                Some(token) => Credentials::new_with_token(key, secret, token),
            },
            uploader,
        })
    }

    pub(super) fn uploader(&self) -> &Uploader {
        &self.uploader
    }

    /// The names of the objects directly in a folder.
    pub async fn list(&self, folder: &Place) -> Result<Vec<String>, StoreError> {
        let prefix = folder.join("");
        let mut names = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut list = ListObjectsV2::new(&self.signer, Some(&self.credentials));
            list.with_prefix(prefix.as_str());
            list.with_delimiter("/");
            if let Some(token) = next.take() {
                list.with_continuation_token(token);
            }
            let answer = self.uploader.get(&list.sign(AT_ONCE)).await?;
            let page = ListObjectsV2::parse_response(&String::from_utf8_lossy(&answer));
            let page = page.map_err(|error| StoreError::List(error.into()))?;
            let keys = page.contents.into_iter().map(|object| object.key);
            let own = keys.filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned));
            // Some tools make an object that stands for the folder itself.
            names.extend(own.filter(|name| !name.is_empty()));
            next = page.next_continuation_token;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// The interval logs of a folder, each with its whole name; or the one that the place is.
    pub async fn logs(&self, place: &Place) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let (folder, names) = match place.log() {
            Some((folder, name)) => (folder, vec![name]),
            None => (place.clone(), self.list(place).await?),
        };
        let mut logs = Vec::new();
        for name in names.into_iter().filter(|name| is_log(name)) {
            let content = self.read(&folder, &name).await?;
            let key = folder.join(&name);
            logs.push((format!("s3://{}/{key}", folder.bucket), content));
        }
        Ok(logs)
    }

    /// Reads an object of a folder.
    pub async fn read(&self, folder: &Place, name: &str) -> Result<Vec<u8>, StoreError> {
        self.uploader
            .get(&self.presigned_get(folder, name, AT_ONCE))
            .await
    }

    pub(super) fn presigned_get(&self, folder: &Place, name: &str, valid: Duration) -> Url {
        let key = folder.join(name);
        let action = self.signer.get_object(Some(&self.credentials), &key);
        action.sign(valid)
    }

    pub(super) fn presigned_put(&self, folder: &Place, name: &str, valid: Duration) -> Url {
        let key = folder.join(name);
        let action = self.signer.put_object(Some(&self.credentials), &key);
        action.sign(valid)
    }

    /// Writes only where nothing is: the signature covers the condition.
    pub(super) fn presigned_claim(&self, folder: &Place, name: &str, valid: Duration) -> Url {
        let key = folder.join(name);
        let mut action = self.signer.put_object(Some(&self.credentials), &key);
        action.headers_mut().insert("if-none-match", "*");
        action.sign(valid)
    }
}

#[cfg(test)]
mod tests {
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{method, path, query_param, query_param_is_missing},
    };

    use super::{super::account::Account, Bucket, Place};

    #[test]
    fn a_place_is_a_bucket_and_a_folder() {
        let place = |text: &str| text.parse::<Place>();
        let read = place("s3://loads/runs/1/").expect("a place");
        assert_eq!((&*read.bucket, &*read.key), ("loads", "runs/1"));
        assert_eq!(read.join("a.hlog"), "runs/1/a.hlog");
        assert_eq!(read.to_string(), "s3://loads/runs/1");
        assert_eq!(place("s3://loads").expect("a bucket").join(""), "");
        for wrong in ["loads/1", "s3://", "s3:///x", "s3://a b c/x", "S3://loads"] {
            place(wrong).expect_err(wrong);
        }
    }

    fn page(name: &str, next: Option<&str>) -> ResponseTemplate {
        let is_truncated = next.is_some();
        let next =
            next.map(|next| format!("<NextContinuationToken>{next}</NextContinuationToken>"));
        let text = format!(
            r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>{is_truncated}</IsTruncated>{}<Contents><Key>runs/1/{name}</Key></Contents></ListBucketResult>"#,
            next.unwrap_or_default()
        );
        ResponseTemplate::new(200).set_body_string(text)
    }

    #[tokio::test]
    async fn a_list_of_several_pages_is_read_whole() {
        let server = MockServer::start().await;
        let list = || {
            let list = Mock::given(method("GET")).and(path("/loads/"));
            let list = list.and(query_param("prefix", "runs/1/"));
            list.and(query_param("delimiter", "/"))
        };
        list()
            .and(query_param_is_missing("continuation-token"))
            .respond_with(page("a.hlog", Some("more")))
            .mount(&server)
            .await;
        list()
            .and(query_param("continuation-token", "more"))
            .respond_with(page("about.json", Some("last")))
            .mount(&server)
            .await;
        list()
            .and(query_param("continuation-token", "last"))
            .respond_with(page("b.hlog", None))
            .mount(&server)
            .await;
        for name in ["a.hlog", "b.hlog"] {
            Mock::given(path(format!("/loads/runs/1/{name}")))
                .respond_with(ResponseTemplate::new(200).set_body_string(name))
                .mount(&server)
                .await;
        }
        let key = |name: &str| name.starts_with("EXOSCALE_API_").then(|| "EXO1".to_owned());
        let account = Account::find(Some(&server.uri()), Some("z"), key).expect("all there");
        let place: Place = "s3://loads/runs/1".parse().expect("a place");
        let bucket = Bucket::new(&account, &place).expect("a bucket");
        let logs = bucket.logs(&place).await.expect("three pages");
        let log = |name: &str| {
            (
                format!("s3://loads/runs/1/{name}"),
                name.as_bytes().to_vec(),
            )
        };
        assert_eq!(logs, [log("a.hlog"), log("b.hlog")]);
    }
}
