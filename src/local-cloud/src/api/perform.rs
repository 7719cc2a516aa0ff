//! Carries a call out, and says in the log who changed what: "Terraform scaled pool web from 2 to
//! 4".

use serde_json::Value;

use super::{
    super::clients::plain,
    route::{Answer, Call, Route},
};

/// The longest name that a line shows.
const LONGEST: usize = 80;

/// Runs the handler. A change is a line at level info, a read one at debug.
pub(super) fn perform(call: &Call<'_>, route: &Route, client: &str) -> Answer {
    if is_read(route) {
        let answer = (route.handler)(call);
        tracing::debug!("{client} called {}", route.operation);
        return answer;
    }
    let what = sentence(call, route);
    let answer = (route.handler)(call);
    match &answer {
        Ok(_) => tracing::info!("{client} {what}"),
        Err(refusal) => {
            let said = plain(&refusal.to_string(), 4 * LONGEST);
            tracing::info!("{client} was refused {}: {said}", route.operation);
        }
    }
    answer
}

fn is_read(route: &Route) -> bool {
    route.method == "GET" || route.operation.starts_with("reveal-")
}

/// What a call does once it is done, from what there is before.
fn sentence(call: &Call<'_>, route: &Route) -> String {
    let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
    let before = resource_before(call, route).unwrap_or_default();
    let name = named(call, &before, &body);
    let text = |field: &str| plain(body[field].as_str().unwrap_or("?"), LONGEST);
    match route.operation {
        "scale-instance-pool" => {
            let (from, to) = (&before["size"], &body["size"]);
            format!("scaled pool {name} from {from} to {to}")
        }
        "evict-instance-pool-members" => {
            let members = body["instances"].as_array().map_or(0, Vec::len);
            format!("evicted {} of pool {name}", counted(members, "member"))
        }
        "add-service-to-load-balancer" => format!(
            "added service {} ({} {} to {}) to load balancer {name}",
            text("name"),
            text("protocol"),
            body["port"],
            body["target-port"],
        ),
        operation => match operation.split_once('-') {
            Some(("reset", noun)) if noun.ends_with("-field") => {
                let field = plain(call.text("field"), LONGEST);
                let noun = words(noun.trim_end_matches("-field"));
                format!("reset {field} of {noun} {name}")
            }
            Some((verb, noun)) => format!("{} {} {name}", past(verb), words(noun)),
            None => format!("called {operation} for {name}"),
        },
    }
}

fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// "pool" is what everybody says.
fn words(noun: &str) -> String {
    noun.replace("instance-pool", "pool").replace('-', " ")
}

fn past(verb: &str) -> String {
    let doubled = ["stop"];
    match verb {
        "reset" => verb.to_owned(),
        _ if doubled.contains(&verb) => format!("{verb}ped"),
        _ if verb.ends_with('e') => format!("{verb}d"),
        _ if verb.ends_with("py") => format!("{}ied", &verb[..verb.len() - 1]),
        _ => format!("{verb}ed"),
    }
}

/// The name of what a call is about: its own, that of its body, or its id.
fn named(call: &Call<'_>, before: &Value, body: &Value) -> String {
    let first = [&before["name"], &body["name"], &before["ip"]].into_iter();
    let first = first
        .filter_map(Value::as_str)
        .find(|name| !name.is_empty());
    let in_path = || {
        let arguments = ["service-id", "id", "name", "key"].into_iter();
        arguments
            .map(|name| call.text(name))
            .find(|text| !text.is_empty())
    };
    plain(first.or_else(in_path).unwrap_or("without a name"), LONGEST)
}

/// The resource as its own read answers it, before the call changes it.
fn resource_before(call: &Call<'_>, route: &Route) -> Option<Value> {
    call.read(base(route.path)?, call.arguments.clone())
}

/// `/pool/{id}` of `/pool/{id}:scale` and of `/pool/{id}/labels`; a service is a resource, too.
fn base(path: &str) -> Option<&str> {
    if path.ends_with("/{service-id}") {
        return Some(path);
    }
    let end = path.find('}')? + 1;
    path.get(..end)
}

#[cfg(test)]
mod tests {
    use super::{super::routes, *};

    #[test]
    fn every_change_has_a_verb_in_the_past() {
        for (verb, done) in [
            ("create", "created"),
            ("delete", "deleted"),
            ("add", "added"),
            ("stop", "stopped"),
            ("start", "started"),
            ("reboot", "rebooted"),
            ("reset", "reset"),
            ("attach", "attached"),
            ("copy", "copied"),
            ("register", "registered"),
            ("resize", "resized"),
        ] {
            assert_eq!(past(verb), done);
        }
        for route in routes().filter(|route| !is_read(route)) {
            assert!(route.operation.contains('-'), "{}", route.operation);
        }
    }

    #[test]
    fn a_change_is_told_by_the_resource_that_it_is_about() {
        assert_eq!(
            base("/instance-pool/{id}:scale"),
            Some("/instance-pool/{id}")
        );
        assert_eq!(base("/instance/{id}/{field}"), Some("/instance/{id}"));
        assert_eq!(base("/ssh-key"), None);
        let service = "/load-balancer/{id}/service/{service-id}";
        assert_eq!(base(service), Some(service));
    }
}
