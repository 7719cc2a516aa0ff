//! Answers of the agent as text.

use std::fmt::Write as _;

use serde_json::Value;

/// `/status`, a line for each subject.
pub(super) fn status(status: &Value) -> String {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut lines = Vec::new();
    let pool = &status["pool"];
    let limits = format!("limits {} to {}", status["min_size"], status["max_size"]);
    lines.push((
        "pool",
        if pool.is_null() {
            format!("not read yet; {limits}")
        } else {
            let old = if pool["current"] == false {
                ", as last read"
            } else {
                ""
            };
            format!(
                "desired size {}, {} ready, {}{old}; {limits}",
                pool["size"],
                pool["ready_members"],
                text(&pool["state"]),
            )
        },
    ));
    lines.push(("mode", text(&status["mode"])));
    for (name, key) in [("scaling", "acting"), ("draining", "draining")] {
        if let Some(change) = status[key].as_str() {
            lines.push((name, change.to_owned()));
        }
    }
    let wait = status["window_opens_in_s"].as_f64().unwrap_or_default();
    let next = if wait > 0.0 {
        format!("the cooldown ends in {wait:.0} s")
    } else {
        "ready to act".to_owned()
    };
    lines.push(("next", next));
    lines.push(("ordered", orders(&status["control"])));
    let checks = status["health"].as_array();
    let problems = checks.into_iter().flatten().filter_map(|check| {
        let problem = check["problem"].as_str()?;
        Some(format!("{}: {problem}", text(&check["name"])))
    });
    let problems: Vec<String> = problems.collect();
    let health = if problems.is_empty() {
        "ok".to_owned()
    } else {
        problems.join("; ")
    };
    lines.push(("health", health));
    if status["lease"].is_object() {
        lines.push(("lease", lease(&status["lease"])));
    }
    if let Some(problem) = status["settings"]["problem"].as_str() {
        lines.push(("settings", format!("the last reading failed: {problem}")));
    }
    lines.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{name:9} {value}");
        text
    })
}

/// Which of several agents acts.
fn lease(lease: &Value) -> String {
    let number = &lease["number"];
    match lease["holder"].as_str() {
        _ if lease["held"] == true => format!("leader, number {number}"),
        Some(holder) => format!("standby; {holder} holds it, number {number}"),
        None => "standby; nobody is known to hold it".to_owned(),
    }
}

/// The answer to an order.
pub(super) fn answer(answer: &Value) -> String {
    let accepted = answer["accepted"].as_str().unwrap_or_default();
    let control = &answer["control"];
    let when = match control["size_in_s"].as_f64() {
        Some(wait) if wait >= 1.0 => format!(", in {wait:.0} s at the earliest"),
        _ => String::new(),
    };
    format!("accepted: {accepted}{when}\nordered: {}\n", orders(control))
}

/// The orders in force, on one line.
pub(super) fn orders(control: &Value) -> String {
    let mut parts = Vec::new();
    if control["paused"] == true {
        parts.push("paused".to_owned());
    }
    if let Some(mode) = control["mode"].as_str() {
        let until = control["until"].as_str();
        let until = until
            .map(|until| format!(" until {until}"))
            .unwrap_or_default();
        parts.push(format!("mode {mode}{until}"));
    }
    if control["limits"].is_object() {
        let limits = &control["limits"];
        parts.push(format!("limits {} to {}", limits["min"], limits["max"]));
    }
    if control["size"].is_number() {
        parts.push(format!("size {}", control["size"]));
    }
    if parts.is_empty() {
        return "nothing; the settings are in force".to_owned();
    }
    let note = |key: &str, before: &str| {
        let text = control[key].as_str();
        text.map(|text| format!("{before}{text}"))
            .unwrap_or_default()
    };
    format!(
        "{}{}{}",
        parts.join(", "),
        note("who", " by "),
        note("why", ": ")
    )
}

/// One decision, on one line.
pub(super) fn decision(decision: &Value) -> String {
    let text = |key: &str| decision[key].as_str().unwrap_or_default();
    let time = text("at").get(..19).unwrap_or_else(|| text("at"));
    let sizes = match (decision["from"].as_u64(), decision["to"].as_u64()) {
        (Some(from), Some(to)) => format!(" {from} -> {to}"),
        _ => String::new(),
    };
    let order = match (decision["order"].as_str(), decision["who"].as_str()) {
        (Some(order), Some(who)) => format!(" ({order}, by {who})"),
        (Some(order), None) => format!(" ({order})"),
        _ => String::new(),
    };
    let verdict = text("verdict").replace('_', " ");
    format!("{time}Z {verdict}{sizes}: {}{order}\n", text("text"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_names_what_is_ordered_by_whom_and_why() {
        let status = status(&json!({
            "mode": "pinned=4", "min_size": 1, "max_size": 20, "acting": null, "draining": "5 -> 4",
            "window_opens_in_s": 12.4, "settings": { "problem": "1 problem" },
            "pool": { "size": 5, "ready_members": 4, "state": "running", "current": true },
            "control": {
                "paused": true, "mode": "pinned=4", "until": "2026-03-01T18:00:00Z",
                "limits": { "min": 1, "max": 20 }, "size": null, "who": "ada", "why": "upgrade",
            },
            "health": [{ "name": "pool", "problem": null }, { "name": "journal", "problem": "full" }],
            "lease": { "held": false, "number": 7, "holder": "two" },
        }));
        for line in [
            "pool      desired size 5, 4 ready, running; limits 1 to 20",
            "mode      pinned=4",
            "draining  5 -> 4",
            "next      the cooldown ends in 12 s",
            "ordered   paused, mode pinned=4 until 2026-03-01T18:00:00Z, limits 1 to 20 by ada: upgrade",
            "health    journal: full",
            "lease     standby; two holds it, number 7",
            "settings  the last reading failed: 1 problem",
        ] {
            assert!(
                status.lines().any(|found| found == line),
                "{line}:\n{status}"
            );
        }
    }

    #[test]
    fn an_answer_says_when_and_a_decision_by_whom() {
        let text = answer(&json!({
            "accepted": "size 6", "control": { "size": 6, "size_in_s": 41.2, "who": "ada" },
        }));
        assert_eq!(
            text,
            "accepted: size 6, in 41 s at the earliest\nordered: size 6 by ada\n"
        );
        let text = decision(&json!({
            "at": "2026-03-01T18:00:00.123Z", "verdict": "control", "text": "an operator paused the agent",
            "order": "pause", "who": "ada", "from": 3, "to": null,
        }));
        assert_eq!(
            text,
            "2026-03-01T18:00:00Z control: an operator paused the agent (pause, by ada)\n"
        );
        let text = decision(&json!({
            "at": "2026-03-01T18:00:00Z", "verdict": "given_back", "text": "x", "from": 3, "to": 2,
        }));
        assert_eq!(text, "2026-03-01T18:00:00Z given back 3 -> 2: x\n");
    }
}
