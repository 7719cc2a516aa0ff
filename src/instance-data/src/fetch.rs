//! Asks the metadata service for the user-data, until it answers.

use std::{io::Read as _, time::Duration};

use exoscale::plain_http;
use program::error_chain::with_causes;
use reqwest::StatusCode;
use thiserror::Error;
use tokio::time::{Instant, sleep};

/// One request. The service is one hop away.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Between two requests; doubled each time up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// As it comes: the API takes 32 KiB of base64.
const MAX_BYTES: usize = 32 << 10;

/// Decompressed.
const MAX_PLAIN_BYTES: u64 = 1 << 20;

/// The first bytes of gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why there is no user-data.
#[derive(Debug, Error)]
pub enum FetchError {
    /// No answer came in time.
    #[error("no user-data from {url} within {}: {problem}", humantime::format_duration(*within))]
    NoAnswer {
        /// What was asked for.
        url: String,
        /// For how long.
        within: Duration,
        /// What the last request ended with.
        problem: String,
    },
    /// It is longer than user-data can be.
    #[error("user-data is longer than {0} bytes")]
    TooLong(u64),
    /// It begins as gzip does, and is not.
    #[error("user-data cannot be decompressed")]
    Gzip(#[source] std::io::Error),
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
}

/// The user-data, decompressed; `None` when there is none.
pub(super) async fn user_data(
    service: &str,
    wait: Duration,
) -> Result<Option<Vec<u8>>, FetchError> {
    let url = format!("{}/latest/user-data", service.trim_end_matches('/'));
    let client = plain_http::restrict(reqwest::Client::builder())
        .timeout(TIMEOUT)
        .build();
    let client = client.map_err(FetchError::Client)?;
    let deadline = Instant::now() + wait;
    let mut pause = FIRST_PAUSE;
    loop {
        let problem = match ask(&client, &url).await {
            Answer::Data(bytes) => return plain(bytes),
            Answer::Absent => return Ok(None),
            Answer::TooLong => return Err(FetchError::TooLong(MAX_BYTES as u64)),
            Answer::Not(problem) => problem,
        };
        if Instant::now() + pause > deadline {
            let within = wait;
            return Err(FetchError::NoAnswer {
                url,
                within,
                problem,
            });
        }
        tracing::info!(%url, %problem, "asking again");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

enum Answer {
    Data(Vec<u8>),
    Absent,
    TooLong,
    Not(String),
}

async fn ask(client: &reqwest::Client, url: &str) -> Answer {
    match try_to_ask(client, url).await {
        Ok(answer) => answer,
        Err(error) => {
            // The causes say more than the library's "error sending request".
            Answer::Not(with_causes(&error.without_url()))
        }
    }
}

async fn try_to_ask(client: &reqwest::Client, url: &str) -> reqwest::Result<Answer> {
    let mut response = client.get(url).send().await?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Ok(Answer::Absent),
        status => return Ok(Answer::Not(format!("it answered {status}"))),
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_BYTES {
            return Ok(Answer::TooLong);
        }
    }
    Ok(Answer::Data(bytes))
}

fn plain(bytes: Vec<u8>) -> Result<Option<Vec<u8>>, FetchError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if !bytes.starts_with(&GZIP) {
        return Ok(Some(bytes));
    }
    let mut text = Vec::new();
    let decoder = flate2::read::GzDecoder::new(bytes.as_slice());
    let mut limited = decoder.take(MAX_PLAIN_BYTES + 1);
    limited.read_to_end(&mut text).map_err(FetchError::Gzip)?;
    if text.len() as u64 > MAX_PLAIN_BYTES {
        return Err(FetchError::TooLong(MAX_PLAIN_BYTES));
    }
    Ok(Some(text))
}
