//! What every error of every crate keeps to: its text says its own part, without its cause.

use std::{error::Error, io, net::SocketAddr};

use agent::{FolderError, JournalError, StartError};
use alert_rules::{Monitoring, MonitoringError, MonitoringFiles};
use exoscale::{config::Endpoint, secret::ApiKey};
use instance_data::{Document, FetchError, InstanceDataError};
use local_cloud::nlb::NlbError;
use local_instance::LocalInstanceError;
use program::{
    die_with_parent::DieWithParentError, error_chain::with_causes, packaging::PackagingError,
};
use rule_evaluator::{prometheus::PrometheusError, source::SourceError};
use simulator::TraceError;
use whole_file::{FileError, Kind};

fn denied() -> io::Error {
    io::Error::from(io::ErrorKind::PermissionDenied)
}

fn file() -> FileError {
    let path = "/srv/x.json".into();
    FileError::Io {
        action: "write",
        path,
        source: denied(),
    }
}

fn http() -> reqwest::Error {
    let client = exoscale::plain_http::client().expect("a client");
    client.get("no url").build().expect_err("it is none")
}

fn data() -> InstanceDataError {
    let problem = Document::parse(b"[").expect_err("it is half a list");
    InstanceDataError::Document(problem)
}

fn monitoring() -> MonitoringError {
    let files = MonitoringFiles {
        rules: "[",
        ..MonitoringFiles::IMAGE
    };
    Monitoring::read(&files).expect_err("it is half a list")
}

/// One of each error that has a cause, or carries another error.
fn representatives() -> Vec<Box<dyn Error>> {
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    let other = || Document::parse(br#"{"version":1,"role":"monitoring","agent":{}}"#);
    vec![
        Box::new(file()),
        Box::new(FileError::NotAFile {
            path: "/srv".into(),
            kind: Kind::Folder,
        }),
        Box::new(StartError::Discovery(file())),
        Box::new(StartError::Journal(FolderError::File(file()))),
        Box::new(StartError::Http(http())),
        Box::new(JournalError::Write(file())),
        Box::new("no-zone!".parse::<Endpoint>().expect_err("no URL")),
        Box::new("a b".parse::<ApiKey>().expect_err("a space")),
        Box::new(data()),
        Box::new(InstanceDataError::Document(other().expect_err("no keys"))),
        Box::new(InstanceDataError::Write {
            path: "/run/x".into(),
            source: denied(),
        }),
        Box::new(InstanceDataError::Fetch(FetchError::Gzip(denied()))),
        Box::new(InstanceDataError::Fetch(FetchError::Client(http()))),
        Box::new(LocalInstanceError::Data(data())),
        Box::new(LocalInstanceError::System {
            action: "watch standard input",
            source: denied(),
        }),
        Box::new(LocalInstanceError::Run {
            program: "/bin/x".into(),
            source: denied(),
        }),
        Box::new(LocalInstanceError::Client(http())),
        Box::new(LocalInstanceError::Prometheus(PrometheusError::Prepare(
            denied(),
        ))),
        Box::new(monitoring()),
        Box::new(TraceError::File {
            path: "/srv/monday.csv".into(),
            source: file(),
        }),
        Box::new(SourceError::Http(http())),
        Box::new(DieWithParentError::Signal(denied())),
        Box::new(PackagingError::Print(denied())),
        Box::new(PackagingError::Write {
            folder: "/srv/man1".into(),
            source: denied(),
        }),
        Box::new(slow_app::Error::Listen {
            flag: "--listen",
            address,
            source: denied(),
        }),
        Box::new(slow_app::Error::System {
            action: "serve",
            source: denied(),
        }),
        Box::new(local_cloud::Error::Listen {
            address,
            source: denied(),
            flag: "--listen",
        }),
        Box::new(local_cloud::Error::AuthorityFile(denied())),
        Box::new(local_cloud::Error::Addresses(denied())),
        Box::new(local_cloud::Error::Serve(denied())),
        Box::new(local_cloud::Error::Program(denied())),
        Box::new(local_cloud::Error::Signal(denied())),
        Box::new(local_cloud::Error::SeedFile {
            file: "/srv/seed.toml".into(),
            source: denied(),
        }),
        Box::new(local_cloud::Error::Unreachable {
            address,
            source: http(),
        }),
        Box::new(NlbError::Listen {
            address,
            source: denied(),
        }),
    ]
}

#[test]
fn no_error_says_what_its_cause_says() {
    for error in representatives() {
        let mut parts = vec![error.to_string()];
        let mut next = error.source();
        while let Some(cause) = next {
            parts.push(cause.to_string());
            next = cause.source();
        }
        for (place, part) in parts.iter().enumerate() {
            for other in &parts[place + 1..] {
                assert!(
                    !part.contains(other) && !other.contains(part),
                    "{error:?} repeats itself: {parts:?}"
                );
            }
        }
        assert_eq!(with_causes(error.as_ref()), parts.join(": "));
    }
}

/// A cause that is only formatted into the text would be missing here.
#[test]
fn the_systems_word_is_always_a_cause() {
    let word = denied().to_string();
    for error in representatives() {
        let text = with_causes(error.as_ref());
        let holds_one = format!("{error:?}").contains("PermissionDenied");
        assert_eq!(
            text.matches(&word).count(),
            usize::from(holds_one),
            "{text}"
        );
    }
}
