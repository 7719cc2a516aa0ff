//! Makes the document of a fleet: a start, and presigned URLs for each slice.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::json;

use super::{
    bucket::{Bucket, Place},
    claim::CLAIM,
    document::{Fleet, SCHEMA, SliceUrls, object},
    requests::StoreError,
};
use crate::Slice;

/// Signatures of S3 are valid for no longer.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// The object that says what lies beside it. It holds no URL.
const ABOUT: &str = "about.json";

/// The fleet that is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The folder for its results: empty so far.
    pub place: Place,
    /// How many machines take part.
    pub machines: usize,
    /// When the load starts.
    pub start_at: SystemTime,
    /// How long the URLs can be used from now on.
    pub valid: Duration,
}

/// Why a fleet cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Nothing can be sliced so.
    #[error("--machines must be from 1 to 1000")]
    Machines,
    /// The URLs cannot be made.
    #[error("--valid must be at most 7d (168h), and reach beyond the start")]
    Valid,
    /// The start is no time to come.
    #[error("the start is over: choose one that every machine reaches in time")]
    Started,
    /// Something lies there.
    #[error("{place} holds {name} already: choose a folder that is empty, one for each run")]
    NotEmpty {
        /// The folder.
        place: Place,
        /// Something in it.
        name: String,
    },
    /// Two machines could have the same slice.
    #[error(
        "this object storage ignores conditional writes (If-None-Match), so that two machines could make the same slice; use SOS, or give each machine its --slice"
    )]
    Unconditional,
    /// The object storage fails.
    #[error("cannot prepare {place}")]
    Store {
        /// The folder.
        place: Place,
        /// Why.
        source: StoreError,
    },
}

impl Wanted {
    /// Checks that the folder is empty and that the object storage heeds conditions, and makes the
    /// URLs.
    pub async fn prepare(&self, bucket: &Bucket) -> Result<Fleet, PrepareError> {
        let now = SystemTime::now();
        let (Ok(start_at), Ok(expires)) = (
            Timestamp::try_from(self.start_at),
            Timestamp::try_from(now + self.valid.min(LONGEST)),
        ) else {
            return Err(PrepareError::Valid);
        };
        if !(1..=Slice::MOST).contains(&self.machines) {
            return Err(PrepareError::Machines);
        }
        if self.start_at <= now {
            return Err(PrepareError::Started);
        }
        if self.valid > LONGEST || start_at >= expires {
            return Err(PrepareError::Valid);
        }
        let about = json!({
            "schema": SCHEMA,
            "machines": self.machines,
            "start_at": start_at,
            "expires": expires,
        });
        self.open_folder(bucket, about.to_string()).await?;
        Ok(Fleet {
            schema: SCHEMA.to_owned(),
            place: self.place.to_string(),
            start_at,
            expires,
            slices: Slice::all(self.machines)
                .map(|slice| self.urls(bucket, slice))
                .collect(),
        })
    }

    /// Writes what the folder is for, twice: the second time must fail.
    async fn open_folder(&self, bucket: &Bucket, about: String) -> Result<(), PrepareError> {
        let failed = |source| PrepareError::Store {
            place: self.place.clone(),
            source,
        };
        let occupied = |name: String| PrepareError::NotEmpty {
            place: self.place.clone(),
            name,
        };
        let there = bucket.list(&self.place).await.map_err(failed)?;
        if let Some(name) = there.into_iter().next() {
            return Err(occupied(name));
        }
        let url = bucket.presigned_claim(&self.place, ABOUT, LONGEST);
        let put = async || {
            let body = about.clone().into();
            bucket.uploader().put_if_absent(&url, body).await
        };
        let first = put().await.map_err(failed)?;
        match first.status {
            200..300 => {}
            412 => {
                // Ours, if only its answer was lost.
                let found = bucket.read(&self.place, ABOUT).await.map_err(failed)?;
                if found != about.as_bytes() {
                    return Err(occupied(ABOUT.to_owned()));
                }
            }
            _ => return Err(failed(first.refusal())),
        }
        let second = put().await.map_err(failed)?;
        match second.status {
            412 => Ok(()),
            200..300 => Err(PrepareError::Unconditional),
            _ => Err(failed(second.refusal())),
        }
    }

    fn urls(&self, bucket: &Bucket, slice: Slice) -> SliceUrls {
        let (place, valid) = (&self.place, self.valid);
        let claim = object(slice, CLAIM);
        let put = |kind| bucket.presigned_put(place, &object(slice, kind), valid);
        SliceUrls {
            claim: bucket.presigned_claim(place, &claim, valid),
            claimed: bucket.presigned_get(place, &claim, valid),
            hlog: put("hlog"),
            json: put("json"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

    use super::{super::account::Account, Bucket, PrepareError, Wanted};

    fn account(server: &MockServer) -> Account {
        let key = |name: &str| name.starts_with("EXOSCALE_API_").then(|| "EXO1".to_owned());
        let endpoint = server.uri();
        Account::find(Some(&endpoint), Some("at-vie-1"), key).expect("all there")
    }

    async fn answers(server: &MockServer, kind: &str, answer: ResponseTemplate) {
        let mock = Mock::given(method(kind)).respond_with(answer);
        mock.mount(server).await;
    }

    #[tokio::test]
    async fn a_store_that_ignores_conditions_gives_no_fleet() {
        let server = MockServer::start().await;
        let empty = r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated></ListBucketResult>"#;
        let list = ResponseTemplate::new(200).set_body_string(empty);
        answers(&server, "GET", list).await;
        answers(&server, "PUT", ResponseTemplate::new(200)).await;
        let wanted = Wanted {
            place: "s3://loads/1".parse().expect("a place"),
            machines: 2,
            start_at: SystemTime::now() + Duration::from_secs(60),
            valid: Duration::from_secs(600),
        };
        let bucket = Bucket::new(&account(&server), &wanted.place).expect("a bucket");
        let refused = wanted.prepare(&bucket).await;
        assert!(
            matches!(refused, Err(PrepareError::Unconditional)),
            "{refused:?}"
        );
        let requests = server.received_requests().await.expect("recorded");
        let written = requests.iter().filter(|one| one.method.as_str() == "PUT");
        for put in written {
            assert_eq!(put.headers["if-none-match"], "*");
            let query = put.url.query().unwrap_or_default();
            assert!(
                query.contains("X-Amz-SignedHeaders=host%3Bif-none-match"),
                "{query}"
            );
        }
    }
}
