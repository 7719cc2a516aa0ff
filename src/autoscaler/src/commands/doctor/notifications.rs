//! What becomes of an alert in Grafana: its rule's own contact point, or the notification policies.

use std::time::Duration;

use serde_json::Value;

use super::grafana::title_of;

/// What becomes of the alerts of each rule that asks for another size.
pub(super) fn ways(rules: &Value, policies: &Value) -> Vec<(String, Option<Taken>)> {
    let rules = rules.as_array().map(Vec::as_slice).unwrap_or_default();
    let scales = rules.iter().filter_map(|rule| {
        let way = rule["labels"]["scale"].as_str()?;
        let is_known = ["up", "down"].contains(&way);
        let taken = own_way(rule).or_else(|| taken(policies, way));
        is_known.then(|| (format!("\"{}\" (scale: {way})", title_of(rule)), taken))
    });
    scales.collect()
}

/// A rule may name its contact point itself; then no policy is asked.
fn own_way(rule: &Value) -> Option<Taken> {
    let own = &rule["notification_settings"];
    let mutes = own["mute_time_intervals"].as_array();
    Some(Taken {
        receiver: own["receiver"].as_str()?.to_owned(),
        repeats: duration(&own["repeat_interval"]),
        is_muted: mutes.is_some_and(|list| !list.is_empty()),
    })
}

fn duration(value: &Value) -> Option<Duration> {
    humantime::parse_duration(value.as_str()?).ok()
}

/// What the policies do with an alert.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) receiver: String,
    pub(super) repeats: Option<Duration>,
    pub(super) is_muted: bool,
}

/// The deepest first route that takes an alert with this label, as Grafana chooses it. What a route
/// does not say, it has from the one above.
fn taken(policies: &Value, way: &str) -> Option<Taken> {
    let mut node = policies;
    let mut taken = Taken::default();
    loop {
        if let Some(receiver) = node["receiver"].as_str().filter(|name| !name.is_empty()) {
            receiver.clone_into(&mut taken.receiver);
        }
        taken.repeats = duration(&node["repeat_interval"]).or(taken.repeats);
        let mutes = node["mute_time_intervals"].as_array();
        taken.is_muted |= mutes.is_some_and(|list| !list.is_empty());
        let routes = node["routes"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        match routes.iter().find(|route| takes(route, way)) {
            Some(route) => node = route,
            None => break,
        }
    }
    (!taken.receiver.is_empty()).then_some(taken)
}

/// Whether every matcher of the route fits an alert whose label `scale` says this, as far as that
/// is known: of other labels nothing is.
fn takes(route: &Value, way: &str) -> bool {
    let matchers = route["object_matchers"].as_array();
    let mut matchers = matchers.into_iter().flatten();
    matchers.all(|matcher| {
        let part = |place: usize| matcher[place].as_str().unwrap_or_default();
        let (label, operator, value) = (part(0), part(1), part(2));
        let said = if label == "scale" { way } else { "" };
        let is_among = value
            .trim_start_matches('^')
            .trim_end_matches('$')
            .trim_matches(['(', ')'])
            .split('|')
            .any(|one| one == said || (one == ".+" && !said.is_empty()) || one == ".*");
        match operator {
            "=" => value == said,
            "!=" => value != said,
            "=~" => is_among,
            "!~" => !is_among,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_alert_takes_the_first_route_that_fits_and_what_it_lacks_from_above() {
        let policies = json!({
            "receiver": "mail", "repeat_interval": "4h",
            "routes": [
                { "receiver": "operator", "object_matchers": [["audience", "=", "operator"]] },
                { "receiver": "autoscaler", "object_matchers": [["scale", "=~", "up|down"]],
                  "repeat_interval": "45s",
                  "routes": [{ "object_matchers": [["scale", "=", "down"]],
                               "mute_time_intervals": ["nights"] }] },
            ],
        });
        let of = |way| taken(&policies, way).unwrap();
        assert_eq!(of("up").receiver, "autoscaler");
        assert_eq!(of("up").repeats, Some(Duration::from_secs(45)));
        assert!(!of("up").is_muted);
        assert!(of("down").is_muted);
        assert_eq!(of("down").receiver, "autoscaler");
        assert_eq!(of("at-least").receiver, "mail");
    }

    #[test]
    fn matchers_are_read_as_grafana_writes_them() {
        let fits = |operator: &str, value: &str| {
            let route = json!({ "object_matchers": [["scale", operator, value]] });
            takes(&route, "up")
        };
        assert!(fits("=", "up") && fits("=~", "^(up|down)$") && fits("=~", ".+"));
        assert!(fits("!=", "down") && fits("!~", "down|at-least"));
        assert!(!fits("=", "down") && !fits("=~", "down") && !fits("!=", "up"));
    }
}
