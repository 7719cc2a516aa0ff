//! Live numbers for Prometheus to fetch (text format 0.0.4).

use std::{
    convert::Infallible,
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE, server::conn,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::families::{Family, Kind, PREFIX, Value, families};
use crate::record::Progress;

/// Answers `GET /metrics` until the task is dropped.
pub async fn serve_metrics(listener: TcpListener, progress: watch::Receiver<Progress>) {
    let registry = Arc::new(registry(progress));
    loop {
        // Out of files, or a client that is gone already: the next one may fare better, after a
        // moment.
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&registry)))),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn registry(progress: watch::Receiver<Progress>) -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(LastTick(progress)));
    registry
}

/// Answers one request. A client that goes away is no failure.
async fn serve(stream: TcpStream, registry: Arc<Registry>) {
    let service = service_fn(|request| {
        let response = respond(&request, &registry);
        async { Ok::<_, Infallible>(response) }
    });
    let _ = conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn respond(request: &Request<Incoming>, registry: &Registry) -> Response<Full<Bytes>> {
    let found = request.method() == Method::GET && matches!(request.uri().path(), "/metrics" | "/");
    let mut text = String::new();
    let status = if !found {
        "GET /metrics\n".clone_into(&mut text);
        StatusCode::NOT_FOUND
    } else if encode(&mut text, registry).is_err() {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::OK
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let media_type = prometheus_text::CONTENT_TYPE;
    let media_type = hyper::header::HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// The label `quantile` is that of a summary, a type that the library does not know: those of no
/// known type are summaries.
fn encode(text: &mut String, registry: &Registry) -> fmt::Result {
    let mut plain = String::new();
    prometheus_text::encode(&mut plain, registry)?;
    for line in plain.lines() {
        match line.strip_suffix(" untyped") {
            Some(described) if described.starts_with("# TYPE ") => {
                writeln!(text, "{described} summary")?;
            }
            _ => writeln!(text, "{line}")?,
        }
    }
    Ok(())
}

/// The run as of its last tick.
#[derive(Debug)]
struct LastTick(watch::Receiver<Progress>);

impl Collector for LastTick {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // A copy: the receiver's lock must not be held while a tick is published.
        let progress = self.0.borrow().clone();
        for family in families(&progress) {
            encode_family(&mut encoder, &family)?;
        }
        Ok(())
    }
}

fn encode_family(encoder: &mut DescriptorEncoder<'_>, family: &Family) -> fmt::Result {
    let unit = (family.kind == Kind::Seconds).then_some(&Unit::Seconds);
    let kind = match family.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Seconds => MetricType::Unknown,
    };
    let mut descriptor = encoder.encode_descriptor(family.name, family.help, unit, kind)?;
    for metric in &family.metrics {
        match &metric.label {
            Some((name, value)) => {
                let labels = [(*name, &**value)];
                encode_value(
                    family.kind,
                    metric.value,
                    descriptor.encode_family(&labels)?,
                )?;
            }
            // It has no other.
            None => return encode_value(family.kind, metric.value, descriptor),
        }
    }
    Ok(())
}

fn encode_value(kind: Kind, value: Value, encoder: MetricEncoder<'_>) -> fmt::Result {
    match (kind, value) {
        (Kind::Counter, Value::Count(count)) => ConstCounter::new(count).encode(encoder),
        (Kind::Counter, Value::Number(number)) => ConstCounter::new(number).encode(encoder),
        (_, Value::Count(count)) => {
            ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX)).encode(encoder)
        }
        (_, Value::Number(number)) => ConstGauge::new(number).encode(encoder),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use doc_page::{
        Page,
        metrics::{lint, table},
    };
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        sync::watch,
    };

    use super::{encode, registry, serve_metrics};
    use crate::record::{Accounts, BackendProgress, Counters, Failure, Latency, Progress};

    #[test]
    fn metrics_page_is_made_of_the_answer() {
        let (_sender, progress) = watch::channel(Progress {
            backends: vec![BackendProgress {
                name: "web-1".into(),
                answers: 1,
                response: Latency::default(),
                first_seen: Duration::ZERO,
                last_seen: Duration::ZERO,
            }],
            total: Counters {
                failures: BTreeMap::from([(Failure::Timeout, 1)]),
                ..Counters::default()
            },
            ..Progress::default()
        });
        let mut text = String::new();
        encode(&mut text, &registry(progress)).expect("a text");
        lint(&text);
        let page = Page {
            name: "metrics.md",
            test: "-p loadtest metrics_page",
        };
        page.has("a run", &table(&text));
    }

    #[tokio::test]
    async fn a_scrape_reads_the_last_tick() {
        let accounts = Accounts {
            sent: 41,
            ..Accounts::default()
        };
        let (_sender, progress) = watch::channel(Progress {
            accounts,
            asked: 50.0,
            response: Latency {
                p50: 1_500_000,
                ..Latency::default()
            },
            in_flight: 3,
            ..Progress::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(serve_metrics(listener, progress));
        for (path, part) in [
            ("/metrics", "loadtest_requests_total{fate=\"sent\"} 41\n"),
            ("/metrics", "# TYPE loadtest_requests_total counter\n"),
            ("/metrics", "loadtest_rate{kind=\"target\"} 50.0\n"),
            (
                "/metrics",
                "loadtest_response_seconds{quantile=\"0.5\"} 0.0015\n",
            ),
            ("/metrics", "loadtest_in_flight 3\n"),
            ("/metrics", "content-type: text/plain; version=0.0.4"),
            ("/x", "404 Not Found"),
        ] {
            let mut stream = TcpStream::connect(address).await.expect("connected");
            stream
                .write_all(format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n").as_bytes())
                .await
                .expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("answered");
            assert!(answer.contains(part), "{answer}");
        }
    }
}
