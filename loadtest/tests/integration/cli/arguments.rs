//! Wrong arguments: refused before anything is sent, with exit code 2 and what to do.

use std::process::Command;

use super::{loadtest, run, stderr, stdout};
use crate::support::{Behaviour, Server};

#[test]
fn wrong_arguments_are_shown_with_their_column() {
    for (arguments, parts) in [
        (
            vec!["--profile", "10s@50, 60s:50-400", "http://h/"],
            vec!["column 13", "A..B"],
        ),
        (
            vec!["--rate", "5", "--duration", "5", "http://h/"],
            vec!["column 2", "unit is missing"],
        ),
        (
            vec!["--rate", "5", "--duration", "5s", "ftp://h/"],
            vec!["column 1", "http or https"],
        ),
        (
            vec![
                "--rate",
                "5",
                "--duration",
                "5s",
                "--fail-if",
                "q9>1s",
                "http://h/",
            ],
            vec!["column 1", "not a metric"],
        ),
        (vec![], vec!["required"]),
    ] {
        let output = loadtest(&arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            stderr(&output)
        );
        for part in parts {
            assert!(
                stderr(&output).contains(part),
                "{part}: {}",
                stderr(&output)
            );
        }
    }
    let output = loadtest(&["http://127.0.0.1:1/"]);
    assert!(
        stderr(&output).contains("say how much load"),
        "{}",
        stderr(&output)
    );
}

/// Arguments that are wrong, each with a part of what is said. `URL` stands for a server that is
/// there.
const WRONG: &[(&[&str], &str)] = &[
    (&["URL"], "say how much load"),
    (
        &["--rate", "x", "--duration", "1s", "URL"],
        "expected a rate",
    ),
    (
        &["--rate", "5", "URL"],
        "--rate needs --duration or --requests",
    ),
    (
        &["--closed", "URL"],
        "--closed needs --duration or --requests",
    ),
    (
        &["--duration", "1s", "--profile", "1s@5", "URL"],
        "--duration belongs to",
    ),
    (
        &["--rate", "0", "--duration", "1s", "URL"],
        "sends no requests",
    ),
    (
        &["--profile-file", "/nowhere/p.toml", "URL"],
        "cannot read /nowhere/p.toml",
    ),
    (&["--profile-file", "/etc/passwd", "URL"], ".toml or .csv"),
    (
        &["--profile", "1s@5", "--method", "A B", "URL"],
        "not a method",
    ),
    (
        &["--profile", "1s@5", "--header", "x", "URL"],
        "expected 'Name: value'",
    ),
    (
        &["--profile", "1s@5", "--header", "a b: c", "URL"],
        "header name cannot have",
    ),
    (
        &["--profile", "1s@5", "--header", "Content-Length: 3", "URL"],
        "sets it itself",
    ),
    (
        &["--profile", "1s@5", "--body-file", "/nowhere/b", "URL"],
        "cannot read /nowhere/b",
    ),
    (
        &["--profile", "1s@5", "--body-file", "/", "URL"],
        "cannot read /",
    ),
    (
        &["--profile", "1s@5", "--cacert", "/nowhere/ca", "URL"],
        "/nowhere/ca",
    ),
    (
        &["--profile", "1s@5", "--cacert", "/etc/passwd", "URL"],
        "no PEM certificate",
    ),
    (
        &["--profile", "1s@5", "--cert", "/nowhere/c", "URL"],
        "cannot use /nowhere/c (--cert)",
    ),
    (
        &["--profile", "1s@5", "--key", "/nowhere/k", "URL"],
        "--cert <FILE>",
    ),
    (
        &["--profile", "1s@5", "--connect-to", "h:80", "URL"],
        "HOST:PORT:HOST:PORT",
    ),
    (
        &["--profile", "1s@5", "--resolve", "h:80:x", "URL"],
        "expected an IP address",
    ),
    (
        &[
            "--profile",
            "1s@5",
            "--unix-socket",
            "/s",
            "--proxy",
            "h:1",
            "URL",
        ],
        "cannot be used with",
    ),
    (
        &["--profile", "1s@5", "--proxy", "ftp://h:1", "URL"],
        "there are http, socks5",
    ),
    (
        &["--profile", "1s@5", "--proxy-tunnel", "URL"],
        "--proxy <URL>",
    ),
    (
        &["--profile", "1s@5", "--backend-header", "a b", "URL"],
        "header name cannot have",
    ),
    (
        &["--profile", "1s@5", "--threads", "0", "URL"],
        "--threads must be from 1 to 256",
    ),
    (
        &["--profile", "1s@5", "--connections", "0", "URL"],
        "--connections must be",
    ),
    (
        &["--profile", "1s@5", "--connections", "-1", "URL"],
        "unexpected argument",
    ),
    (
        &["--profile", "1s@5", "--tick", "1ms", "URL"],
        "--tick must be",
    ),
    (
        &["--profile", "1s@5", "--timeout", "0s", "URL"],
        "--timeout must be",
    ),
    (
        &["--profile", "1s@5", "--dns-refresh", "0s", "URL"],
        "--dns-refresh must be",
    ),
    (
        &["--profile", "1s@5", "--connection-age-jitter", "NaN", "URL"],
        "--connection-age-jitter must",
    ),
    (
        &["--profile", "1s@5", "--drain", "99999999999h", "URL"],
        "at most a year",
    ),
    (
        &["--profile", "1s@5", "--drain", "18e18s", "URL"],
        "not a unit",
    ),
    (
        &["--profile", "1s@5", "--prometheus", "192.0.2.1:9", "URL"],
        "cannot listen on 192.0.2.1:9",
    ),
    (
        &["--profile", "1s@5", "--prometheus", "x", "URL"],
        "expected ADDRESS:PORT",
    ),
    (
        &["--profile", "1s@5", "--hlog", "-", "URL"],
        "the log needs a file",
    ),
    (
        &["--profile", "1s@5", "--json", "-", "--html", "-", "URL"],
        "--html and --json both name -",
    ),
    (
        &["--profile", "1s@5", "--json", "/tmp/", "URL"],
        "cannot write /tmp/ (--json)",
    ),
    (
        &["--profile", "1s@5", "--http2", "--engine", "hyper", "URL"],
        "cannot be used with",
    ),
    (
        &["--profile", "1s@5", "--rate", "5", "URL"],
        "cannot be used with",
    ),
    (
        &[
            "--closed",
            "--duration",
            "1s",
            "--arrivals",
            "poisson",
            "URL",
        ],
        "cannot be used with",
    ),
    (
        &["--profile", "1s@5", "--fail-if", "p99=5ms", "URL"],
        "expected '<' or '>'",
    ),
    (&["--profile", "1s@5", "http://h/<x>"], "column 10"),
    (
        &["--profile", "1s@5", "https://-/"],
        "cannot be the name of a TLS server",
    ),
    (
        &["--profile", "1s@5", "--requests", "0", "URL"],
        "--requests must be from 1",
    ),
    (&["-n", "5", "URL"], "say how much load"),
    (
        &["--profile", "1s@5", "--expect-status", "2x", "URL"],
        "column 1: expected a status",
    ),
    (
        &["--profile", "1s@5", "--expect-json", "a", "URL"],
        "starts with '/'",
    ),
    (
        &["--profile", "1s@5", "--expect-header", "a b", "URL"],
        "expected a header's name",
    ),
    (
        &[
            "--profile",
            "1s@5",
            "--method",
            "HEAD",
            "--expect-body",
            "x",
            "URL",
        ],
        "HEAD have no body",
    ),
    (&["--profile", "1s@5", "URL", "http://h/<x>"], "column 10"),
    (
        &["--profile", "1s@5", "--targets", "/nowhere/t", "URL"],
        "cannot be used with",
    ),
    (
        &["--profile", "1s@5", "--targets", "/nowhere/t"],
        "cannot read /nowhere/t (--targets)",
    ),
    (
        &["--profile", "1s@5", "--targets", "/dev/null"],
        "/dev/null has no request",
    ),
    (
        &["--profile", "1s@5", "--targets", "-"],
        "standard input has no request",
    ),
    (
        &["--profile", "1s@5", "--data", "/nowhere/d", "URL"],
        "cannot read /nowhere/d",
    ),
    (
        &["--profile", "1s@5", "--data-order", "random", "URL"],
        "required",
    ),
    (
        &["--profile", "1s@5", "--header", "x: {{user}}", "URL"],
        "in its header x: there is no {{user}}",
    ),
    (
        &["--profile", "1s@5", "--follow-redirects=0", "URL"],
        "0 is not in 1..=100",
    ),
    (&["merge", "/nowhere/a.hlog"], "cannot read /nowhere/a.hlog"),
    (&["merge"], "required"),
    (
        &["compare", "/nowhere/a.json", "/nowhere/b.json"],
        "cannot read /nowhere/a.json",
    ),
    (
        &["compare", "/etc/passwd", "/etc/passwd"],
        "not a report written with --json",
    ),
    (&["completions"], "required"),
    (&["completions", "tcsh"], "invalid value 'tcsh'"),
    (&["completions", "bash", "URL"], "unexpected argument"),
    (&["man"], "required"),
    (
        &["man", "/dev/null/man1"],
        "cannot write manual pages to /dev/null/man1",
    ),
];

#[test]
fn every_wrong_argument_is_refused_before_anything_is_sent() {
    let server = Server::start(Behaviour::default());
    let url = server.url();
    for (arguments, part) in WRONG {
        let given: Vec<&str> = arguments
            .iter()
            .map(|argument| if *argument == "URL" { &url } else { *argument })
            .collect();
        let output = loadtest(&given);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {part} in {said}");
        assert!(stdout(&output).is_empty(), "{arguments:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_cause_is_said_once() {
    for arguments in [
        &[
            "--profile",
            "1s@5",
            "--body-file",
            "/nowhere/b",
            "http://h/",
        ][..],
        &["--profile-file", "/nowhere/p.csv", "http://h/"],
        &["--profile", "1s@5", "--cacert", "/nowhere/ca", "http://h/"],
        &["--profile", "1s@5", "--json", "/nowhere/j", "http://h/"],
        &["merge", "/nowhere/a.hlog"],
        &["compare", "/nowhere/a.json", "b"],
    ] {
        let said = stderr(&loadtest(arguments));
        assert_eq!(said.matches("No such file").count(), 1, "{said}");
        assert_eq!(said.matches("/nowhere/").count(), 1, "{said}");
    }
}

#[test]
fn completions_and_manual_pages_are_printed_and_written() {
    let output = loadtest(&["completions", "bash"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("complete -F _loadtest"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("man1");
    let output = loadtest(&["man", path.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = std::fs::read_to_string(path.join("loadtest.1")).expect("written");
    assert!(page.contains(".TH loadtest 1"), "{page:.200}");
}

#[test]
fn a_scheme_has_no_case() {
    let server = Server::start(Behaviour::default());
    let output = run(&server.url().replace("http", "HTTP"), &["--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn the_environment_names_no_proxy_and_no_error_shows_a_login() {
    let server = Server::start(Behaviour::default());
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(name, "http://127.0.0.1:1");
    }
    let arguments = ["--rate", "100", "--duration", "1s", &server.url()];
    let output = command
        .args(arguments)
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(server.requests(), 100);

    for proxy in [
        "http://user:s3cret@127.0.0.1:1",
        "http://user:s3cret@127.0.0.1",
        "user:s3cret://h",
        "http://user:s3cret@h:0",
    ] {
        let output = run(&server.url(), &["--proxy", proxy]);
        assert!(matches!(output.status.code(), Some(2 | 3)), "{proxy}");
        let all = stderr(&output) + &stdout(&output);
        assert!(all.contains("proxy") && !all.contains("s3cret"), "{all}");
    }
}
