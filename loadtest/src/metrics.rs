//! Live numbers for Prometheus (text format 0.0.4).

use std::{convert::Infallible, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE, server::conn,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::record::{Latency, Progress};

/// Answers `GET /metrics` until the task is dropped.
pub async fn serve_metrics(listener: TcpListener, progress: watch::Receiver<Progress>) {
    let mut registry = Registry::with_prefix("loadtest");
    registry.register_collector(Box::new(LastTick(progress)));
    let registry = Arc::new(registry);
    loop {
        // Out of files, or a client that is gone already: the next one may fare better, after a
        // moment.
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&registry)))),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
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
    } else if prometheus_text::encode(&mut text, registry).is_err() {
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

/// The run as of its last tick.
#[derive(Debug)]
struct LastTick(watch::Receiver<Progress>);

impl Collector for LastTick {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // A copy: the receiver's lock must not be held while a tick is published.
        let progress = self.0.borrow().clone();
        encode_counters(&mut encoder, &progress)?;
        encode_rates(&mut encoder, &progress)?;
        encode_latencies(&mut encoder, &progress)?;
        encode_levels(&mut encoder, &progress)?;
        let help = "Responses of a backend in the last tick";
        let gauge = MetricType::Gauge;
        let mut family = encoder.encode_descriptor("backend_answers", help, None, gauge)?;
        for backend in &progress.backends {
            let labels = [("backend", &*backend.name)];
            let value = ConstGauge::new(backend.answers as f64);
            value.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn encode_counters(encoder: &mut DescriptorEncoder<'_>, progress: &Progress) -> fmt::Result {
    let accounts = &progress.accounts;
    let fates = [
        ("sent", accounts.sent),
        ("late", accounts.late),
        ("skipped", accounts.skipped),
        ("unsent", accounts.unsent),
    ];
    let results = [("ok", progress.total.ok), ("failed", progress.failed_total)];
    let families = [
        (
            "requests",
            "Requests by what became of the plan",
            "fate",
            &fates[..],
        ),
        ("results", "Requests by how they ended", "result", &results),
    ];
    for (name, help, label, values) in families {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value, count) in values {
            ConstCounter::new(*count).encode(family.encode_family(&[(label, *value)])?)?;
        }
    }
    Ok(())
}

fn encode_rates(encoder: &mut DescriptorEncoder<'_>, progress: &Progress) -> fmt::Result {
    let help = "Requests per second in the last tick";
    let mut family = encoder.encode_descriptor("rate", help, None, MetricType::Gauge)?;
    for (kind, rate) in [
        ("target", progress.asked),
        ("sent", progress.started),
        ("ok", progress.succeeded),
    ] {
        ConstGauge::new(rate).encode(family.encode_family(&[("kind", kind)])?)?;
    }
    Ok(())
}

fn encode_latencies(encoder: &mut DescriptorEncoder<'_>, progress: &Progress) -> fmt::Result {
    for (name, help, latency) in [
        (
            "response",
            "Response time in the last tick, from the intended start",
            &progress.response,
        ),
        (
            "service",
            "Service time in the last tick, from the first byte sent",
            &progress.service,
        ),
        (
            "send_lag",
            "Intended to actual start in the last tick",
            &progress.send_lag,
        ),
    ] {
        let unit = Some(&Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (quantile, nanos) in quantiles(latency) {
            let seconds = ConstGauge::new(nanos as f64 / 1e9);
            seconds.encode(family.encode_family(&[("quantile", quantile)])?)?;
        }
    }
    Ok(())
}

fn encode_levels(encoder: &mut DescriptorEncoder<'_>, progress: &Progress) -> fmt::Result {
    for (name, help, value) in [
        (
            "in_flight",
            "Requests that wait for their response",
            progress.in_flight,
        ),
        (
            "overdue",
            "Requests that are due while every connection is busy",
            progress.backlog,
        ),
        ("connections", "Open connections", progress.connections),
    ] {
        let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(gauge)?;
    }
    Ok(())
}

fn quantiles(latency: &Latency) -> [(&'static str, u64); 5] {
    [
        ("0.5", latency.p50),
        ("0.9", latency.p90),
        ("0.99", latency.p99),
        ("0.999", latency.p999),
        ("1", latency.max),
    ]
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        sync::watch,
    };

    use super::serve_metrics;
    use crate::record::{Accounts, Latency, Progress};

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
