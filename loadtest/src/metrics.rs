//! Live numbers for Prometheus (text format 0.0.4), served over a plain HTTP/1.1 of its own.

use std::{fmt::Write as _, io};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::record::{Latency, Progress};

/// Answers `GET /metrics` until the task is dropped.
pub async fn serve_metrics(listener: TcpListener, progress: watch::Receiver<Progress>) {
    loop {
        // Out of files, or a client that is gone already: the next one may fare better, after a moment.
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(answer(stream, progress.clone()))),
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

async fn answer(mut stream: TcpStream, progress: watch::Receiver<Progress>) -> io::Result<()> {
    let mut request = [0; 4096];
    let mut length = 0;
    while !request[..length]
        .windows(4)
        .any(|bytes| bytes == b"\r\n\r\n")
    {
        match stream.read(&mut request[length..]).await? {
            0 => return Ok(()),
            n => length += n,
        }
    }
    let path_is = |path: &[u8]| request.starts_with(path);
    let (status, body) = if path_is(b"GET /metrics ") || path_is(b"GET / ") {
        ("200 OK", metrics(&progress.borrow()))
    } else {
        ("404 Not Found", "GET /metrics\n".to_owned())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await
}

/// Writes the metrics of a run.
pub(crate) fn metrics(progress: &Progress) -> String {
    let mut out = String::new();
    let accounts = &progress.accounts;
    family(
        &mut out,
        "loadtest_requests_total",
        "counter",
        "Requests by what became of the plan.",
    );
    for (fate, count) in [
        ("sent", accounts.sent),
        ("late", accounts.late),
        ("skipped", accounts.skipped),
        ("unsent", accounts.unsent),
    ] {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "loadtest_requests_total{{fate=\"{fate}\"}} {count}");
    }
    family(
        &mut out,
        "loadtest_results_total",
        "counter",
        "Requests by how they ended.",
    );
    let _ = writeln!(
        out,
        "loadtest_results_total{{result=\"ok\"}} {}",
        progress.total.ok
    );
    let _ = writeln!(
        out,
        "loadtest_results_total{{result=\"failed\"}} {}",
        progress.failed_total
    );
    write_gauges(&mut out, progress);
    out
}

fn write_gauges(out: &mut String, progress: &Progress) {
    family(
        out,
        "loadtest_rate",
        "gauge",
        "Requests per second in the last tick.",
    );
    for (kind, rate) in [
        ("asked", progress.asked),
        ("sent", progress.started),
        ("ok", progress.succeeded),
    ] {
        let _ = writeln!(out, "loadtest_rate{{kind=\"{kind}\"}} {rate}");
    }
    for (name, help, latency) in [
        (
            "loadtest_response_seconds",
            "Response time in the last tick, from the intended start.",
            &progress.response,
        ),
        (
            "loadtest_service_seconds",
            "Service time in the last tick, from the first byte sent.",
            &progress.service,
        ),
        (
            "loadtest_send_lag_seconds",
            "Intended to actual start in the last tick.",
            &progress.send_lag,
        ),
    ] {
        family(out, name, "gauge", help);
        for (quantile, nanos) in quantiles(latency) {
            let _ = writeln!(
                out,
                "{name}{{quantile=\"{quantile}\"}} {}",
                nanos as f64 / 1e9
            );
        }
    }
    for (name, help, value) in [
        (
            "loadtest_in_flight",
            "Requests that wait for their answer.",
            progress.in_flight,
        ),
        (
            "loadtest_overdue",
            "Requests that are due while every connection is busy.",
            progress.backlog,
        ),
        (
            "loadtest_connections",
            "Open connections.",
            progress.connections,
        ),
    ] {
        family(out, name, "gauge", help);
        let _ = writeln!(out, "{name} {value}");
    }
    family(
        out,
        "loadtest_backend_answers",
        "gauge",
        "Answers of a backend in the last tick.",
    );
    for backend in &progress.backends {
        // Names were cleaned when they were recorded: no quotes, no backslashes.
        let _ = writeln!(
            out,
            "loadtest_backend_answers{{backend=\"{}\"}} {}",
            backend.name, backend.answers
        );
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
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
    use crate::record::{Accounts, Progress};

    #[tokio::test]
    async fn a_scrape_reads_the_last_tick() {
        let accounts = Accounts {
            sent: 41,
            ..Accounts::default()
        };
        let (_sender, progress) = watch::channel(Progress {
            accounts,
            ..Progress::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(serve_metrics(listener, progress));
        for (path, part) in [
            ("/metrics", "loadtest_requests_total{fate=\"sent\"} 41\n"),
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
