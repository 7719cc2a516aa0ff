//! The buckets and objects of SOS, in bounded memory.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest as _, Md5};

use super::{error::Refusal, signature::hex};

/// The largest object.
pub(crate) const MAX_OBJECT: usize = 1 << 20;
/// All objects together, and how many there may be.
const MAX_BYTES: usize = 64 << 20;
const MAX_OBJECTS: usize = 10_000;
const MAX_BUCKETS: usize = 100;
/// Of an object's own headers.
const MAX_METADATA: usize = 2 << 10;
const MAX_KEY: usize = 1024;

/// An object as it was put.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) content: Bytes,
    /// With its quotes.
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    /// Headers that a GET answers again: the content's type, and `x-amz-meta-…`.
    pub(crate) headers: Vec<(String, String)>,
}

impl Object {
    pub(crate) fn new(content: Bytes, headers: Vec<(String, String)>) -> Self {
        Self {
            etag: format!("\"{}\"", hex(&Md5::digest(&content))),
            content,
            modified: Timestamp::now(),
            headers,
        }
    }

    fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        self.content.len() + headers
    }
}

#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) created: Timestamp,
    objects: BTreeMap<String, Object>,
}

/// What must hold of the object that is there, for a change to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// `If-Match`.
    pub(crate) matches: Option<String>,
    /// `If-None-Match: *`.
    pub(crate) is_absent: bool,
}

impl Condition {
    /// As S3 judges a write: `If-Match` needs an object.
    fn check(&self, object: Option<&Object>) -> Result<(), Refusal> {
        if self.is_absent && object.is_some() {
            return Err(Refusal::PreconditionFailed);
        }
        match (&self.matches, object) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Refusal::NoSuchKey),
            (Some(list), Some(object)) if lists(list, &object.etag) => Ok(()),
            (Some(_), Some(_)) => Err(Refusal::PreconditionFailed),
        }
    }
}

/// Whether the value of `If-Match` or `If-None-Match` names an `ETag`.
pub(crate) fn lists(list: &str, etag: &str) -> bool {
    let bare = |text: &str| text.trim().trim_matches('"').to_owned();
    let mut items = list.split(',').map(bare);
    items.any(|item| item == "*" || item == bare(etag))
}

/// One page of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Keys of objects, in order.
    pub(crate) keys: Vec<String>,
    /// What keys have in common up to the delimiter.
    pub(crate) prefixes: Vec<String>,
    /// Where the next page begins after; `None` at the end.
    pub(crate) next: Option<String>,
}

/// Everything in SOS. Changed under one lock, so that a condition and its write are one step.
#[derive(Debug, Default)]
pub(crate) struct Store {
    buckets: BTreeMap<String, Bucket>,
    bytes: usize,
    objects: usize,
}

impl Store {
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (&String, &Bucket)> {
        self.buckets.iter()
    }

    pub(crate) fn create(&mut self, name: &str) -> Result<(), Refusal> {
        if !is_bucket_name(name) {
            return Err(Refusal::InvalidBucketName);
        }
        if self.buckets.contains_key(name) {
            return Err(Refusal::BucketAlreadyOwned);
        }
        if self.buckets.len() >= MAX_BUCKETS {
            return Err(Refusal::TooManyBuckets);
        }
        let bucket = Bucket {
            created: Timestamp::now(),
            objects: BTreeMap::new(),
        };
        self.buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    pub(crate) fn delete(&mut self, name: &str) -> Result<(), Refusal> {
        if !self.bucket(name)?.objects.is_empty() {
            return Err(Refusal::BucketNotEmpty);
        }
        self.buckets.remove(name);
        Ok(())
    }

    pub(crate) fn bucket(&self, name: &str) -> Result<&Bucket, Refusal> {
        self.buckets.get(name).ok_or(Refusal::NoSuchBucket)
    }

    pub(crate) fn get(&self, bucket: &str, key: &str) -> Result<&Object, Refusal> {
        let objects = &self.bucket(bucket)?.objects;
        objects.get(key).ok_or(Refusal::NoSuchKey)
    }

    /// Puts an object whole, if the condition holds of the one that is there.
    pub(crate) fn put(
        &mut self,
        bucket: &str,
        key: &str,
        object: Object,
        condition: &Condition,
    ) -> Result<(), Refusal> {
        if key.len() > MAX_KEY {
            return Err(Refusal::KeyTooLong);
        }
        let size = object.size();
        if object.content.len() > MAX_OBJECT || size - object.content.len() > MAX_METADATA {
            return Err(Refusal::EntityTooLarge);
        }
        let bucket = self.buckets.get_mut(bucket).ok_or(Refusal::NoSuchBucket)?;
        let before = bucket.objects.get(key);
        condition.check(before)?;
        let bytes = self.bytes - before.map_or(0, Object::size) + size;
        let objects = self.objects + usize::from(before.is_none());
        if bytes > MAX_BYTES || objects > MAX_OBJECTS {
            return Err(Refusal::Full);
        }
        (self.bytes, self.objects) = (bytes, objects);
        bucket.objects.insert(key.to_owned(), object);
        Ok(())
    }

    /// Removes an object; one that is not there is no error.
    pub(crate) fn remove(
        &mut self,
        bucket: &str,
        key: &str,
        condition: &Condition,
    ) -> Result<(), Refusal> {
        let bucket = self.buckets.get_mut(bucket).ok_or(Refusal::NoSuchBucket)?;
        condition.check(bucket.objects.get(key))?;
        if let Some(removed) = bucket.objects.remove(key) {
            self.bytes -= removed.size();
            self.objects -= 1;
        }
        Ok(())
    }

    /// The keys after `after` that begin with `prefix`; those that share what stands before the
    /// next delimiter count as one.
    pub(crate) fn list(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: &str,
        after: &str,
        most: usize,
    ) -> Result<Page, Refusal> {
        let objects = &self.bucket(bucket)?.objects;
        let mut page = Page::default();
        let mut last = after.to_owned();
        let range = objects.range::<str, _>((Excluded(after), Unbounded));
        for key in range.map(|(key, _)| key) {
            let Some(rest) = key.strip_prefix(prefix) else {
                continue;
            };
            let common = match rest.find(delimiter) {
                Some(end) if !delimiter.is_empty() => {
                    Some(&key[..prefix.len() + end + delimiter.len()])
                }
                _ => None,
            };
            if common.is_some_and(|common| last == common) {
                continue;
            }
            if page.keys.len() + page.prefixes.len() >= most {
                page.next = Some(last).filter(|_| most > 0);
                break;
            }
            match common {
                Some(common) => page.prefixes.push(common.to_owned()),
                None => page.keys.push(key.clone()),
            }
            common.unwrap_or(key).clone_into(&mut last);
        }
        Ok(page)
    }
}

/// 3 to 63 lower-case letters, digits, dots and hyphens; a letter or digit at both ends.
fn is_bucket_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes
            .iter()
            .all(|&b| is_plain(b) || matches!(b, b'.' | b'-'))
        && bytes.first().copied().is_some_and(is_plain)
        && bytes.last().copied().is_some_and(is_plain)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(content: &str) -> Object {
        Object::new(Bytes::copy_from_slice(content.as_bytes()), Vec::new())
    }

    fn store(keys: &[&str]) -> Store {
        let mut store = Store::default();
        store.create("bucket").unwrap();
        for key in keys {
            let anything = Condition::default();
            store.put("bucket", key, object(key), &anything).unwrap();
        }
        store
    }

    #[test]
    fn a_condition_and_its_write_are_one_step() {
        let mut store = store(&[]);
        let absent = Condition {
            is_absent: true,
            ..Condition::default()
        };
        let of = |etag: &str| Condition {
            matches: Some(etag.to_owned()),
            is_absent: false,
        };
        let mut put = |content, condition: &Condition| {
            let object = object(content);
            let etag = object.etag.clone();
            store.put("bucket", "key", object, condition).map(|()| etag)
        };
        assert_eq!(put("a", &of("\"x\"")), Err(Refusal::NoSuchKey));
        let first = put("a", &absent).unwrap();
        assert_eq!(first, "\"0cc175b9c0f1b6a831c399e269772661\"");
        assert_eq!(put("b", &absent), Err(Refusal::PreconditionFailed));
        let second = put("b", &of(&first)).unwrap();
        assert_eq!(put("c", &of(&first)), Err(Refusal::PreconditionFailed));
        let third = put("c", &of(&format!("\"x\", {second}"))).unwrap();
        let stale = store.remove("bucket", "key", &of(&second));
        assert_eq!(stale, Err(Refusal::PreconditionFailed));
        store.remove("bucket", "key", &of(&third)).unwrap();
        assert_eq!((store.bytes, store.objects), (0, 0));
    }

    #[test]
    fn memory_is_bounded() {
        let mut store = store(&[]);
        let anything = Condition::default();
        let large = |size| Object::new(Bytes::from(vec![0; size]), Vec::new());
        let too_large = store.put("bucket", "key", large(MAX_OBJECT + 1), &anything);
        assert_eq!(too_large, Err(Refusal::EntityTooLarge));
        let times = MAX_BYTES / MAX_OBJECT;
        for number in 0..times {
            let key = number.to_string();
            store
                .put("bucket", &key, large(MAX_OBJECT), &anything)
                .unwrap();
        }
        assert_eq!(
            store.put("bucket", "more", large(1), &anything),
            Err(Refusal::Full)
        );
        // What is replaced makes room.
        store.put("bucket", "0", large(1), &anything).unwrap();
        store.put("bucket", "more", large(1), &anything).unwrap();
        assert_eq!(store.delete("bucket"), Err(Refusal::BucketNotEmpty));
    }

    #[test]
    fn names_of_buckets_are_those_of_dns() {
        for name in ["abc", "a-b.c", "0lease-0"] {
            assert!(is_bucket_name(name), "{name}");
        }
        let long = "x".repeat(64);
        for name in [
            "", "ab", "Abc", "-abc", "abc.", "a..b", "10.0.0.1", "a_b", &long,
        ] {
            assert!(!is_bucket_name(name), "{name}");
        }
    }

    #[test]
    fn what_keys_share_is_listed_once() {
        let store = store(&["a", "dir/1", "dir/2", "dir/sub/3", "e"]);
        let page = store.list("bucket", "", "/", "", 1000).unwrap();
        assert_eq!(
            (page.keys, page.prefixes),
            (vec!["a".into(), "e".into()], vec!["dir/".into()])
        );
        let page = store.list("bucket", "dir/", "/", "", 1000).unwrap();
        assert_eq!(page.keys, ["dir/1", "dir/2"]);
        assert_eq!(page.prefixes, ["dir/sub/"]);
        assert_eq!(
            store.list("none", "", "", "", 1).unwrap_err(),
            Refusal::NoSuchBucket
        );
    }

    proptest! {
        #[test]
        fn pages_together_are_the_whole_list(
            keys in prop::collection::btree_set("[ab/]{1,4}", 0..20),
            prefix in "[ab/]{0,2}",
            delimiter in prop::sample::select(vec!["", "/", "a/"]),
            most in 1_usize..4,
        ) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let store = store(&keys);
            let list = |after: &str, most| store.list("bucket", &prefix, delimiter, after, most).unwrap();
            let whole = list("", 1000);
            prop_assert_eq!(&whole.next, &None);
            let (mut found, mut after) = (Page::default(), String::new());
            loop {
                let page = list(&after, most);
                prop_assert!(page.keys.len() + page.prefixes.len() <= most);
                found.keys.extend(page.keys);
                found.prefixes.extend(page.prefixes);
                match page.next {
                    Some(next) => after = next,
                    None => break,
                }
            }
            prop_assert_eq!(found, whole);
        }
    }
}
