//! `autoscaler ctl watch`: prints decisions as the agent makes them.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{client::Client, print, show};

/// Decisions from before that are shown first.
const EARLIER: usize = 5;

/// Pause before an agent that is gone is asked again.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// Follows the agent until Ctrl-C, also across its restarts.
pub(super) async fn watch(client: &Client, token: Option<&str>, json: bool) -> anyhow::Result<()> {
    tokio::select! {
        ended = follow(client, token, json) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn follow(client: &Client, token: Option<&str>, json: bool) -> anyhow::Result<()> {
    let mut seen = Seen::default();
    let mut stream = client.events(token).await?;
    loop {
        let mut lines = Lines::default();
        while let Ok(Some(chunk)) = stream.chunk().await {
            for event in lines.add(&chunk) {
                for decision in seen.new_ones(&event) {
                    print(&if json {
                        format!("{decision}\n")
                    } else {
                        show::decision(&decision)
                    })?;
                }
            }
        }
        eprintln!("the agent is gone; asking again until it answers");
        stream = loop {
            sleep(ASKED_AGAIN).await;
            if let Ok(stream) = client.events(token).await {
                break stream;
            }
        };
    }
}

/// The lines of a stream of server-sent events.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// The documents that are whole with this part.
    fn add(&mut self, part: &[u8]) -> Vec<Value> {
        self.rest.extend_from_slice(part);
        let mut documents = Vec::new();
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let data = line.strip_prefix(b"data: ");
            documents.extend(data.and_then(|data| serde_json::from_slice(data).ok()));
        }
        documents
    }
}

/// Which decisions were printed.
#[derive(Debug, Default)]
struct Seen {
    /// The number of the latest; `None` before the first event.
    last: Option<u64>,
}

impl Seen {
    /// The decisions of an event that were not there before, oldest first.
    fn new_ones(&mut self, event: &Value) -> Vec<Value> {
        let decisions = event["decisions"].as_array();
        let mut decisions: Vec<Value> = decisions.cloned().unwrap_or_default();
        let number = |decision: &Value| decision["number"].as_u64().unwrap_or_default();
        decisions.sort_by_key(number);
        let latest = decisions.last().map(number);
        match self.last {
            None => {
                let earlier = decisions.len().saturating_sub(EARLIER);
                decisions.drain(..earlier);
            }
            // An agent that was started again counts from 1.
            Some(last) if latest.is_some_and(|latest| latest < last) => {}
            Some(last) => decisions.retain(|decision| number(decision) > last),
        }
        self.last = latest.or(self.last).or(Some(0));
        decisions
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NONE: [u64; 0] = [];

    #[test]
    fn each_decision_is_told_once_also_after_a_restart() {
        let event = |numbers: &[u64]| {
            let decisions = numbers.iter().map(|number| json!({ "number": number }));
            json!({ "decisions": decisions.collect::<Vec<_>>() })
        };
        let mut seen = Seen::default();
        let mut told = |numbers: &[u64]| {
            let told = seen.new_ones(&event(numbers));
            told.iter()
                .map(|d| d["number"].as_u64().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&[8, 7, 6, 5, 4, 3, 2]), [4, 5, 6, 7, 8]);
        assert_eq!(told(&[8, 7, 6]), NONE);
        assert_eq!(told(&[10, 9, 8]), [9, 10]);
        assert_eq!(told(&[2, 1]), [1, 2], "a restart");
        assert_eq!(told(&[]), NONE);
        assert_eq!(told(&[3, 2, 1]), [3]);
    }

    #[test]
    fn documents_are_taken_from_a_stream_in_any_parts() {
        let stream = b": still here\n\ndata: {\"a\":1}\n\ndata: {\"a\":2}\n\n";
        for size in 1..stream.len() {
            let mut lines = Lines::default();
            let documents: Vec<_> = stream
                .chunks(size)
                .flat_map(|part| lines.add(part))
                .collect();
            assert_eq!(documents, [json!({ "a": 1 }), json!({ "a": 2 })]);
        }
    }
}
