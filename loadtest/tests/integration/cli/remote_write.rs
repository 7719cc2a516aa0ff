//! Numbers that are sent to Prometheus while a run is under way.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{json, program, run, stderr, stdout};
use crate::support::{self, Behaviour, Server};

/// Prometheus, which takes what is written to it. It is killed when dropped.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn start() -> Option<Self> {
        let program = program("prometheus")?;
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, "{}").expect("written");
        let mut child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .args(["--web.listen-address=127.0.0.1:0", "--log.format=json"])
            .arg("--web.enable-remote-write-receiver")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut address = None;
        for line in lines.by_ref() {
            let line: Value = serde_json::from_str(&line.expect("a line")).unwrap_or_default();
            if line["msg"] == "Listening on" {
                let text = line["address"].as_str().expect("its address");
                address = text.parse::<SocketAddr>().ok();
            }
            if line["msg"] == "Server is ready to receive web requests." {
                break;
            }
        }
        // It must not wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            address: address.expect("it says where it listens"),
            child,
            _folder: folder,
        })
    }

    /// The results of a query now.
    fn query(&self, query: &str) -> Vec<Value> {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let query = url_encoded(query);
        let request = format!("GET /api/v1/query?query={query} HTTP/1.0\r\nhost: h\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let answer: Value = serde_json::from_str(body).expect("JSON");
        let results = answer["data"]["result"].as_array();
        results.unwrap_or_else(|| panic!("{answer}")).clone()
    }
}

fn url_encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| format!("%{byte:02x}"));
    bytes.collect()
}

#[test]
fn prometheus_takes_every_tick_and_knows_that_the_run_is_over() {
    let Some(prometheus) = Prometheus::start() else {
        return;
    };
    let server = Server::start(Behaviour::default());
    let url = format!("http://{}/api/v1/write", prometheus.address);
    let output = run(&server.url(), &["--remote-write", &url, "--label", "x"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = stdout(&output);
    assert!(!table.contains("--remote-write"), "{table}");

    let value = |query: &str| -> Vec<String> {
        let results = prometheus.query(query);
        let text = |result: &Value| result["value"][1].as_str().expect("a value").to_owned();
        results.iter().map(text).collect()
    };
    let of_run = "{job=\"loadtest\",run=\"x\",fate=~\"sent|late\"}";
    assert_eq!(
        value(&format!(
            "sum(last_over_time(loadtest_requests_total{of_run}[1h]))"
        )),
        ["100"]
    );
    let ticks = value(&format!(
        "max(count_over_time(loadtest_requests_total{of_run}[1h]))"
    ));
    let ticks: u32 = ticks[0].parse().expect("a number");
    assert!(ticks >= 5, "{ticks}");
    for metric in [
        "loadtest_response_seconds{quantile=\"0.99\"}",
        "loadtest_backend_answers{backend=\"i-1\"}",
        "loadtest_rate{kind=\"target\"}",
    ] {
        let seen = value(&format!("count(last_over_time({metric}[1h]))"));
        assert_eq!(seen, ["1"], "{metric}");
    }
    assert!(
        prometheus.query("loadtest_in_flight").is_empty(),
        "the series has ended"
    );
}

#[test]
fn a_receiver_that_is_away_costs_a_warning_and_nothing_else() {
    let server = Server::start(Behaviour::default());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.json");
    let (_held, free) = support::refusing_address();
    let url = format!("http://{free}/api/v1/write");
    let path_text = path.to_str().expect("UTF-8");
    let output = run(
        &server.url(),
        &["--remote-write", &url, "--json", path_text],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = stdout(&output);
    assert!(table.contains("100.00 % delivered"), "{table}");
    assert_eq!(table.matches("--remote-write").count(), 1, "{table}");
    let warnings = json(&path)["run"]["warnings"].clone();
    let warnings: Vec<_> = warnings.as_array().expect("a list").clone();
    let lost = warnings
        .iter()
        .filter(|warning| warning["kind"] == "remote_write_lost");
    assert_eq!(lost.count(), 1, "{warnings:?}");
}

#[test]
fn an_address_that_cannot_be_written_to_is_refused_before_the_run() {
    let server = Server::start(Behaviour::default());
    for (arguments, part) in [
        (&["--remote-write", "ftp://h/"][..], "http or https"),
        (
            &["--remote-write", "http://u:p@h/"],
            "--remote-write-header 'Authorization: …'",
        ),
        (
            &["--remote-write", "http://h/", "--remote-write-header", "x"],
            "expected 'Name: value' (--remote-write-header)",
        ),
        (&["--remote-write-header", "a: b"], "--remote-write <URL>"),
    ] {
        let output = run(&server.url(), arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
    assert_eq!(server.connections(), 0);
}
