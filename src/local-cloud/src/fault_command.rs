//! `autoscaler local-cloud fault …`: makes the local cloud that runs misbehave.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use clap::{Args, Subcommand};
use exoscale::plain_http;
use program::time_text::{DAY, time_within};
use reqwest::{Method, header::USER_AGENT};
use serde_json::{Value, json};

use super::{
    edits::Edit,
    error::Error,
    faults::{Fault, FaultKind},
};

/// What to do about faults.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum FaultCommand {
    /// Make the next calls of an operation misbehave, after the faults that are there.
    ///
    /// For example:
    ///   autoscaler local-cloud fault add get-instance-pool --status 500 --count 3
    ///   autoscaler local-cloud fault add scale-instance-pool --kind apply-without-answer
    ///   autoscaler local-cloud fault add '*' --kind rate-limit --retry-after 30
    #[command(verbatim_doc_comment)]
    Add(AddFault),
    /// Show the faults that will still happen.
    List,
    /// End all faults.
    Clear,
}

/// One fault.
#[derive(Args, Clone, Debug)]
pub(crate) struct AddFault {
    /// The operation's id in the API's description, such as scale-instance-pool; * is any.
    operation: String,
    /// How many calls misbehave.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// The API key whose calls misbehave; those of all keys when absent.
    #[arg(long)]
    key: Option<String>,
    /// In which way.
    #[arg(long, value_enum, default_value = "fail")]
    kind: FaultKind,
    /// The HTTP status of `fail`, from 400 to 599; 503 when absent.
    #[arg(long)]
    status: Option<u16>,
    /// Seconds for the Retry-After header of `fail` and `rate-limit`.
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<u64>,
    /// How long `hang` and `slow` take, and how late `apply-without-answer` ends.
    #[arg(long, value_name = "TIME", value_parser = time_within(Duration::ZERO..=DAY))]
    delay: Option<Duration>,
    /// What the error says.
    #[arg(long)]
    message: Option<String>,
    /// The reason of an operation that fails, as the API names it.
    #[arg(long)]
    reason: Option<String>,
    /// A change that `edit-answer` makes, such as /state="suspended"; without a value the field
    /// is removed. May be repeated.
    #[arg(long = "edit", value_name = "POINTER[=JSON]", value_parser = edit)]
    edits: Vec<Edit>,
}

/// What is no JSON is a text: `/state=suspended` means the same as `/state="suspended"`.
fn edit(text: &str) -> Result<Edit, String> {
    let edit = match text.split_once('=') {
        None => Edit::remove(text),
        Some((path, value)) => {
            let json = serde_json::from_str(value);
            Edit::set(path, json.unwrap_or_else(|_| Value::from(value)))
        }
    };
    let wrong = || "give a JSON pointer such as /services/*/name, then = and a value".to_owned();
    edit.is_well_formed().then_some(edit).ok_or_else(wrong)
}

impl AddFault {
    fn fault(&self) -> Fault {
        let delay = self.delay.map(|delay| delay.as_millis());
        Fault {
            key: self.key.clone(),
            status: self.status,
            retry_after_s: self.retry_after,
            delay_ms: delay.and_then(|delay| u64::try_from(delay).ok()),
            message: self.message.clone(),
            reason: self.reason.clone(),
            edits: self.edits.clone(),
            ..Fault::new(&self.operation, self.count, self.kind)
        }
    }
}

/// Asks the local cloud at this address, and gives the faults that are left, a line each.
pub(crate) async fn run(command: &FaultCommand, address: SocketAddr) -> Result<String, Error> {
    let (method, body) = match command {
        FaultCommand::Add(add) => (Method::POST, Some(json!(add.fault()))),
        FaultCommand::List => (Method::GET, None),
        FaultCommand::Clear => (Method::DELETE, None),
    };
    let unreachable = |source| Error::Unreachable { address, source };
    let client = plain_http::client().map_err(unreachable)?;
    let request = client.request(method, format!("http://{address}/_local/faults"));
    let mut request = request.header(
        USER_AGENT,
        concat!("autoscaler/", env!("CARGO_PKG_VERSION")),
    );
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.map_err(unreachable)?;
    let failed = answer.error_for_status_ref().err();
    let body: Value = answer.json().await.map_err(unreachable)?;
    if let Some(source) = failed {
        return Err(match body["message"].as_str() {
            Some(message) => Error::Command(message.to_owned()),
            None => unreachable(source),
        });
    }
    let faults: Vec<Fault> = serde_json::from_value(body)
        .map_err(|_| Error::Failed(format!("what answers on {address} is no local cloud")))?;
    if faults.is_empty() {
        return Ok("no faults\n".to_owned());
    }
    Ok(faults.iter().fold(String::new(), |mut text, fault| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{fault}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_a_pointer_and_perhaps_a_value() {
        assert_eq!(edit("/state"), Ok(Edit::remove("/state")));
        assert_eq!(edit("/size=3"), Ok(Edit::set("/size", 3)));
        assert_eq!(edit("/a=null"), Ok(Edit::set("/a", Value::Null)));
        assert_eq!(edit("/state=odd=x"), Ok(Edit::set("/state", "odd=x")));
        for wrong in ["", "state", "/", "state=1"] {
            assert!(edit(wrong).is_err(), "{wrong:?}");
        }
    }
}
