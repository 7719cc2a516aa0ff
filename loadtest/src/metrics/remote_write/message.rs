//! What is written: Prometheus remote write 1.0, Protocol Buffers in a block of Snappy.

use std::collections::BTreeMap;

use prost::Message;

use super::super::families::{Value, families};
use crate::record::Progress;

/// Stands for a series that has ended, so that queries do not carry its last value on. It is a NaN
/// of these bits, as Prometheus has it in `model/value`.
pub(super) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// The labels of a series, its name among them, in order.
pub(super) type Labels = BTreeMap<String, String>;

/// The values of all series at a moment, in milliseconds since 1970.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) millis: i64,
    pub(super) values: Vec<(Labels, f64)>,
}

impl Moment {
    /// What a tick says. Every series has `common` labels beside its own.
    pub(super) fn of(millis: i64, progress: &Progress, common: &Labels) -> Self {
        let mut values = Vec::new();
        for family in families(progress) {
            for metric in &family.metrics {
                let mut labels = common.clone();
                labels.insert("__name__".to_owned(), family.full_name());
                if let Some((name, value)) = &metric.label {
                    labels.insert((*name).to_owned(), (**value).to_owned());
                }
                // An empty label is the same as none, and may not be sent.
                labels.retain(|_, value| !value.is_empty());
                let value = match metric.value {
                    Value::Count(count) => count as f64,
                    Value::Number(number) => number,
                };
                values.push((labels, value));
            }
        }
        Self { millis, values }
    }
}

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// The body of a request with these moments, each series once.
pub(super) fn encode<'a>(
    moments: impl IntoIterator<Item = &'a Moment>,
) -> Result<Vec<u8>, snap::Error> {
    let mut series: BTreeMap<&Labels, Vec<Sample>> = BTreeMap::new();
    for moment in moments {
        for (labels, value) in &moment.values {
            series.entry(labels).or_default().push(Sample {
                value: *value,
                timestamp: moment.millis,
            });
        }
    }
    let label = |(name, value): (&String, &String)| Label {
        name: name.clone(),
        value: value.clone(),
    };
    let series = series.into_iter().map(|(labels, samples)| TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples,
    });
    let request = WriteRequest {
        timeseries: series.collect(),
    };
    snap::raw::Encoder::new().compress_vec(&request.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::{Labels, Moment, STALE, WriteRequest, encode};
    use crate::record::{BackendProgress, Latency, Progress};

    #[test]
    fn a_series_is_written_once_with_its_samples_in_order_and_its_labels_sorted() {
        let mut progress = Progress::default();
        progress.accounts.sent = 7;
        progress.backends.push(BackendProgress {
            name: "i-1".into(),
            answers: 3,
            response: Latency::default(),
            first_seen: std::time::Duration::ZERO,
            last_seen: std::time::Duration::ZERO,
        });
        let common = Labels::from([
            ("job".to_owned(), "loadtest".to_owned()),
            ("empty".to_owned(), String::new()),
        ]);
        let moments = [1_000, 2_000].map(|millis| Moment::of(millis, &progress, &common));
        let body = encode(&moments).expect("small enough");
        let bytes = snap::raw::Decoder::new()
            .decompress_vec(&body)
            .expect("Snappy");
        let request = WriteRequest::decode(&bytes[..]).expect("Protocol Buffers");
        let named = |series: &super::TimeSeries| {
            let labels = series.labels.iter();
            labels
                .map(|label| format!("{}={}", label.name, label.value))
                .collect::<Vec<_>>()
        };
        let sent = request
            .timeseries
            .iter()
            .filter(|series| named(series).contains(&"fate=sent".to_owned()));
        let sent: Vec<_> = sent.collect();
        assert_eq!(
            named(sent[0]),
            [
                "__name__=loadtest_requests_total",
                "fate=sent",
                "job=loadtest"
            ]
        );
        let samples: Vec<_> = sent[0]
            .samples
            .iter()
            .map(|s| (s.value, s.timestamp))
            .collect();
        assert_eq!((sent.len(), samples), (1, vec![(7.0, 1_000), (7.0, 2_000)]));
        for part in [
            "backend=i-1",
            "__name__=loadtest_response_seconds",
            "quantile=0.99",
        ] {
            assert!(
                request
                    .timeseries
                    .iter()
                    .any(|series| named(series).iter().any(|label| label == part)),
                "{part}"
            );
        }
        assert!(STALE.is_nan());
    }
}
