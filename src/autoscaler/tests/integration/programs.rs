//! How the programs start and end.

mod containers;
mod files;
mod https;
mod refusals;
mod signals;

use std::{net::TcpListener, process::Output};

use tokio::{process::Command, time::timeout};

use crate::agent_support::PATIENCE;

/// What somebody else listens on.
pub(crate) fn taken() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

pub(crate) async fn end_of(mut command: Command) -> Output {
    let output = command.kill_on_drop(true).output();
    timeout(PATIENCE, output).await.expect("it ends").unwrap()
}

/// Standard error of a program that ended with this code and said one thing.
#[track_caller]
pub(crate) fn said(what: &str, output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{what}: {text}");
    assert!(!text.contains("panicked"), "{what}: {text}");
    let errors = text.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{what}: {text}");
    if code == 1 {
        let errors: Vec<_> = text
            .lines()
            .filter(|line| !line.contains(" INFO "))
            .collect();
        assert_eq!(errors.len(), 1, "{what}: {text}");
        assert!(errors[0].starts_with("error: "), "{what}: {text}");
    }
    text
}
