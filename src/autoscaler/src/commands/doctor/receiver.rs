//! Whether the running agent is the one of these settings, is well, and takes alerts. It is sent
//! what Grafana's button "Test" sends, which it knows as a test and which names no direction.

use jiff::Timestamp;
use reqwest::{RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{report::Report, subject::Subject};
use crate::commands::http::{Http, below};

pub(super) async fn examine(subject: &Subject, http: &Http, report: &mut Report) {
    report.group("agent");
    if subject.is_pre {
        return report.skipped("agent-answers", "agent answers", "left out by --pre");
    }
    let Some(status) = status(subject, http, report).await else {
        return;
    };
    same_pool(subject, &status, report);
    health(&status, report);
    test_alert(subject, http, report).await;
    refused_alerts(subject, http, report).await;
}

/// A request with what a reader or sender shows.
fn with_proof(subject: &Subject, request: RequestBuilder, body: &[u8]) -> RequestBuilder {
    let (_, headers) = subject.authentication.proof(body, Timestamp::now());
    headers.into_iter().fold(request, |request, (name, value)| {
        request.header(name, value)
    })
}

async fn status(subject: &Subject, http: &Http, report: &mut Report) -> Option<Value> {
    let title = format!("agent answers at {}", subject.agent);
    let asked = async {
        let mut url = below(&subject.agent, "/status");
        if let Some(name) = &subject.name {
            url.query_pairs_mut().append_pair("pool", name);
        }
        let request = http.get(&url)?;
        let answer = http.send(with_proof(subject, request, b"")).await?;
        let status = answer.json()?;
        if status["about"].is_object() {
            Ok(status)
        } else {
            Err("what answers there is not an agent".to_owned())
        }
    };
    match asked.await {
        Ok(status) => {
            report.passed("agent-answers", title);
            Some(status)
        }
        Err(why) => {
            let fix = if subject.tls.is_some() && !subject.is_agent_given {
                "give --agent https://NAME:PORT with a name of the certificate, and --ca-file where \
                 the system does not know its authority"
            } else {
                "start it (autoscaler agent --config FILE), or give --agent URL; before the first \
                 start, use --pre"
            };
            report.failed("agent-answers", title, why, fix);
            None
        }
    }
}

fn same_pool(subject: &Subject, status: &Value, report: &mut Report) {
    let (id, title) = ("agent-pool", "agent scales the pool of these settings");
    let theirs = status["about"]["pool_id"].as_str().unwrap_or_default();
    if theirs == subject.pool.to_string() {
        let mode = status["mode"].as_str().unwrap_or("?");
        let wanted = subject.mode.to_string();
        let title = format!("{title}, in mode {mode}");
        if mode == wanted {
            report.passed(id, title);
        } else {
            let fix = "send the agent SIGHUP, so that it reads them again; where an order holds \
                       another mode: autoscaler ctl mode --reset";
            report.warned(id, title, format!("the settings say {wanted}"), fix);
        }
    } else {
        let fix = "give doctor the settings that the agent was started with, or restart the agent";
        report.failed(id, title, format!("its pool is {theirs}"), fix);
    }
}

fn health(status: &Value, report: &mut Report) {
    let (id, title) = ("agent-healthy", "agent is well");
    let checks = status["health"].as_array().cloned().unwrap_or_default();
    let problems = checks.iter().filter_map(|check| {
        let name = check["name"].as_str().unwrap_or_default();
        Some(format!("{name}: {}", check["problem"].as_str()?))
    });
    let problems: Vec<String> = problems.collect();
    match status["health_state"].as_str() {
        Some("healthy") => report.passed(id, title),
        Some("unknown") => report.warned(
            id,
            title,
            "it has not listed the members yet",
            "try again in a few seconds",
        ),
        _ => report.failed(
            id,
            title,
            problems.join("; "),
            "see the agent's log, and what failed above",
        ),
    }
}

/// As Grafana's button sends it; no label says which way.
fn test_message() -> Value {
    let labels = json!({ "alertname": "TestAlert", "instance": "autoscaler doctor" });
    json!({
        "receiver": "test",
        "status": "firing",
        "alerts": [{
            "status": "firing",
            "labels": labels,
            "annotations": { "summary": "Notification test" },
            "startsAt": Timestamp::now().to_string(),
            "endsAt": "0001-01-01T00:00:00Z",
        }],
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": { "summary": "Notification test" },
        "version": "1",
        "title": "[FIRING:1] TestAlert autoscaler doctor ",
        "state": "alerting",
    })
}

async fn test_alert(subject: &Subject, http: &Http, report: &mut Report) {
    let body = test_message().to_string();
    let (proof, _) = subject
        .authentication
        .proof(body.as_bytes(), Timestamp::now());
    let id = "test-alert";
    let title = format!("agent takes a test alert with {proof}, and ignores it as a test");
    let sent = async {
        let url = below(&subject.agent, "/webhook");
        let request = http
            .client(&url)?
            .post(url)
            .header(CONTENT_TYPE, "application/json");
        let request = with_proof(subject, request, body.as_bytes()).body(body.clone());
        http.send(request).await
    };
    let answer = match sent.await {
        Ok(answer) => answer,
        Err(why) => {
            let fix = "see the agent's log; it answers alerts within 50 ms";
            return report.failed(id, title, why, fix);
        }
    };
    let fix = match answer.status {
        401 => {
            "the running agent has another token, password or secret than these settings: \
                restart it, or correct alerts.token here and in Grafana's contact point"
        }
        403 => "name the host of --agent in alerts.allowed_hosts, or set alerts.token",
        _ => "is it an agent of this version? See its log",
    };
    match answer.json() {
        Err(why) => report.failed(id, title, why, fix),
        Ok(said) if said["ignored"] == json!(["test"]) && said["accepted"] == json!([]) => {
            report.passed(id, title);
        }
        Ok(said) => report.failed(id, title, format!("it answers {said}"), fix),
    }
    if subject.authentication.is_open() {
        report.warned(
            "alerts-authenticated",
            "who sends alerts must prove who it is",
            "anyone who reaches the agent can have the pool scaled",
            "set alerts.token to a text of your own, such as of openssl rand -hex 32, and show it in \
             Grafana's contact point",
        );
    }
}

/// A sender with a wrong token is seen here, since nobody may read Grafana's.
async fn refused_alerts(subject: &Subject, http: &Http, report: &mut Report) {
    let (id, title) = ("alerts-refused", "agent refused no alert since its start");
    let asked = async {
        let request = http.get(&below(&subject.agent, "/metrics"))?;
        let answer = http.send(with_proof(subject, request, b"")).await?;
        if answer.is_success() {
            Ok(String::from_utf8_lossy(&answer.body).into_owned())
        } else {
            Err(format!("HTTP {}", answer.status))
        }
    };
    match asked.await {
        Err(why) => report.skipped(id, title, why),
        Ok(page) => match refusals(&page).as_slice() {
            [] => report.passed(id, title),
            refusals => report.warned(
                id,
                title,
                refusals.join(", "),
                "unauthorised: show alerts.token in Grafana's contact point or Alertmanager's receiver; \
                 malformed: let them send their own message. The agent's log names the senders",
            ),
        },
    }
}

/// Such as `3 unauthorised`.
fn refusals(page: &str) -> Vec<String> {
    let counts = page.lines().filter_map(|line| {
        let rest = line.strip_prefix("autoscaler_alerts_total{")?;
        let (labels, count) = rest.split_once("} ")?;
        let is_refusal = labels.contains("outcome=\"refused\"");
        let (_, reason) = labels.split_once("reason=\"")?;
        let (reason, _) = reason.split_once('"')?;
        let count = count
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|count| *count > 0.0)?;
        is_refusal.then(|| format!("{count} {reason}"))
    });
    counts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_off_the_metrics() {
        let page = "# TYPE autoscaler_alerts counter\n\
            autoscaler_alerts_total{direction=\"up\",outcome=\"accepted\",reason=\"firing\"} 7\n\
            autoscaler_alerts_total{direction=\"none\",outcome=\"refused\",reason=\"unauthorised\"} 3\n\
            autoscaler_alerts_total{direction=\"none\",outcome=\"refused\",reason=\"slow\"} 0\n";
        assert_eq!(refusals(page), ["3 unauthorised"]);
    }
}
