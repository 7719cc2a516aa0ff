//! What the key may do, and what it should not: asked in ways that change nothing. Orders have
//! contents that the API cannot carry out, whatever the key may do.

use exoscale::{
    Client, ErrorKind,
    probe::{OrderMethod, Question},
};
use uuid::Uuid;

use super::{api::refusal, report::Report, subject::Subject};

const FIX: &str = "let the key's IAM role allow this operation: `autoscaler init` writes the role";

/// What was learned beside the rights.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Somebody else holds the pool for now, in the API's words.
    pub(super) locked: Option<String>,
}

/// What one answer says of a right.
enum Right {
    Allowed,
    Refused(String),
    Locked(String),
    Unknown(String),
}

async fn right(client: &Client, question: &Question) -> Right {
    let answered = match client.ask(question).await {
        Ok(answered) => answered,
        Err(silence) => return Right::Unknown(silence.to_string()),
    };
    match &answered.refusal {
        Some(ErrorKind::Unauthorized { message, .. }) => Right::Refused(message.clone()),
        Some(ErrorKind::Conflict { message }) => Right::Locked(message.clone()),
        Some(ErrorKind::RateLimited { .. }) => Right::Unknown(refusal(&answered)),
        _ if answered.status >= 500 => Right::Unknown(refusal(&answered)),
        None if matches!(question, Question::NoOrder(..)) => {
            Right::Unknown("the API took an order that says nothing".to_owned())
        }
        _ => Right::Allowed,
    }
}

/// What the agent calls, and whether only to change the pool.
fn needed(subject: &Subject) -> Vec<(&'static str, Question, bool)> {
    let nobody = Uuid::nil();
    let read = |path: String| Question::Read(path, Vec::new());
    let order = |what: &str| {
        let path = format!("/instance-pool/{}:{what}", subject.pool);
        Question::NoOrder(OrderMethod::Put, path)
    };
    let members = vec![
        ("manager-id".to_owned(), subject.pool.to_string()),
        ("manager-type".to_owned(), "instance-pool".to_owned()),
    ];
    let mut all = vec![
        (
            "list-instances",
            Question::Read("/instance".to_owned(), members),
            false,
        ),
        ("get-operation", read(format!("/operation/{nobody}")), false),
    ];
    if let Some(balancer) = subject.balancer {
        let path = format!("/load-balancer/{balancer}");
        all.push(("get-load-balancer", read(path), false));
    }
    if subject.discovery.addresses == agent::AddressKind::Private {
        let path = format!("/private-network/{nobody}");
        all.push(("get-private-network", read(path), false));
    }
    all.push(("scale-instance-pool", order("scale"), true));
    all.push(("evict-instance-pool-members", order("evict"), true));
    all
}

/// What no agent calls, and what a thief of the key could do with it.
fn excessive() -> [(&'static str, Question); 4] {
    let read = |path: &str| Question::Read(path.to_owned(), Vec::new());
    let post = |path: &str| Question::NoOrder(OrderMethod::Post, path.to_owned());
    [
        ("list-iam-roles", read("/iam-role")),
        ("create-iam-role", post("/iam-role")),
        ("create-api-key", post("/api-key")),
        ("create-instance", post("/instance")),
    ]
}

pub(super) async fn examine(subject: &Subject, client: &Client, report: &mut Report) -> Found {
    report.group("key-rights");
    report.passed("right-get-instance-pool", "key may get-instance-pool");
    let mut found = Found::default();
    for (operation, question, is_change) in needed(subject) {
        let (id, title) = (id_of(operation), format!("key may {operation}"));
        match right(client, &question).await {
            Right::Allowed => report.passed(id, title),
            Right::Locked(message) => {
                found.locked = Some(message);
                report.passed(id, title);
            }
            Right::Refused(message) if is_change && !subject.is_acting() => {
                let detail = format!("HTTP 403: {message}; mode \"recommend\" does without");
                report.warned(id, title, detail, format!("before mode \"on\", {FIX}"));
            }
            Right::Refused(message) => {
                report.failed(id, title, format!("HTTP 403: {message}"), FIX);
            }
            Right::Unknown(why) => report.skipped(id, title, why),
        }
    }
    excess(client, report).await;
    other_pools(client, report).await;
    found
}

/// The ids of checks are the same in every version, also where the list above changes.
fn id_of(operation: &str) -> &'static str {
    match operation {
        "list-instances" => "right-list-instances",
        "get-operation" => "right-get-operation",
        "get-load-balancer" => "right-get-load-balancer",
        "get-private-network" => "right-get-private-network",
        "scale-instance-pool" => "right-scale-instance-pool",
        _ => "right-evict-instance-pool-members",
    }
}

async fn excess(client: &Client, report: &mut Report) {
    let (id, title) = (
        "rights-excess",
        "key may do nothing that the agent does not need",
    );
    let (mut allowed, mut asked) = (Vec::new(), Vec::new());
    for (operation, question) in excessive() {
        match right(client, &question).await {
            Right::Allowed | Right::Locked(_) => allowed.push(operation),
            Right::Refused(_) => asked.push(operation),
            Right::Unknown(_) => {}
        }
    }
    if !allowed.is_empty() {
        report.warned(
            id,
            title,
            format!("it may {}; whoever steals it may, too", allowed.join(", ")),
            "make a key of the agent's own with the role that `autoscaler init` writes",
        );
    } else if asked.is_empty() {
        report.skipped(id, title, "the API did not say");
    } else {
        report.passed(
            id,
            format!(
                "key may not {}, which is all that was asked",
                asked.join(", ")
            ),
        );
    }
}

/// A key for this pool alone is refused when it asks for another.
async fn other_pools(client: &Client, report: &mut Report) {
    let (id, title) = ("rights-other-pools", "key may change no other pool");
    let path = format!("/instance-pool/{}:scale", Uuid::nil());
    let question = Question::NoOrder(OrderMethod::Put, path);
    match right(client, &question).await {
        Right::Refused(_) => report.passed(id, title),
        Right::Allowed | Right::Locked(_) => report.warned(
            id,
            title,
            "an order for a pool that does not exist was not refused for want of rights. The API may \
             look for the pool first, so this is a hint and no proof",
            "let the role ask for resources.instance_pool.id, as that of `autoscaler init` does",
        ),
        Right::Unknown(why) => report.skipped(id, title, why),
    }
}
