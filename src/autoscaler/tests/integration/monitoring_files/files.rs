//! Where the files are, and the parts of them that the tests look at.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// The datasource that rules and panels name.
pub(crate) const DATASOURCE: &str = "prometheus";

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../nixos")
        .join(name)
}

pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn yaml<T: DeserializeOwned>(path: &Path) -> T {
    serde_yaml_ng::from_str(&text(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Grafana's alert rules, as its file provisioning reads them.
#[derive(Debug, Deserialize)]
pub(crate) struct RuleFile {
    pub(crate) groups: Vec<RuleGroup>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RuleGroup {
    pub(crate) interval: String,
    pub(crate) folder: String,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    pub(crate) uid: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) condition: String,
    #[serde(rename = "for")]
    pub(crate) pending: String,
    pub(crate) no_data_state: String,
    pub(crate) exec_err_state: String,
    data: Vec<Query>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    ref_id: String,
    datasource_uid: String,
    model: Value,
}

impl Rule {
    /// What is compared with the threshold.
    pub(crate) fn promql(&self) -> &str {
        let query = self.query(DATASOURCE);
        assert_eq!(
            query.model["instant"], true,
            "{}: a threshold needs one value",
            self.uid
        );
        query.model["expr"]
            .as_str()
            .expect("a query has an expression")
    }

    /// `>` or `<`, and the threshold.
    pub(crate) fn threshold(&self) -> (&'static str, f64) {
        let threshold = self.query("__expr__");
        assert_eq!(threshold.ref_id, self.condition, "{}", self.uid);
        assert_eq!(threshold.model["type"], "threshold", "{}", self.uid);
        let source = &threshold.model["expression"];
        assert_eq!(*source, self.query(DATASOURCE).ref_id, "{}", self.uid);
        let evaluator = &threshold.model["conditions"][0]["evaluator"];
        let operator = match evaluator["type"].as_str() {
            Some("gt") => ">",
            Some("lt") => "<",
            other => panic!(
                "{}: {other:?} is no comparison that is known here",
                self.uid
            ),
        };
        let value = evaluator["params"][0].as_f64();
        (operator, value.expect("a threshold is a number"))
    }

    fn query(&self, datasource: &str) -> &Query {
        let mut queries = self
            .data
            .iter()
            .filter(|query| query.datasource_uid == datasource);
        match (queries.next(), queries.next()) {
            (Some(query), None) => query,
            _ => panic!("{} needs one query of {datasource}", self.uid),
        }
    }
}

/// What Prometheus records.
pub(crate) fn recording_rules() -> Vec<Value> {
    let file: Value = yaml(&path("prometheus-rules.yml"));
    let groups = file["groups"].as_array().expect("a list of groups");
    let rules = groups.iter().filter_map(|group| group["rules"].as_array());
    rules.flatten().cloned().collect()
}

/// The rules that ask for a size.
pub(crate) const SCALING_RULES: &str = "rules.yml";

/// The rules that ask for a person.
pub(crate) const OPERATOR_RULES: &str = "operator-rules.yml";

/// The rules of one of both files below a folder, in its order.
pub(crate) fn rules_of(folder: &Path, name: &str) -> Vec<Rule> {
    let file: RuleFile = yaml(&folder.join("provisioning/alerting").join(name));
    let groups = file.groups.into_iter();
    groups.flat_map(|group| group.rules).collect()
}

/// The rule that is off until `install.sh` is told the requests of one member, as it then is.
pub(crate) fn request_rule(requests_per_member: &str) -> Rule {
    let template = text(&path("grafana/optional/request-rate.yml"));
    let text = template.replace("REQUESTS_PER_MEMBER)", &format!("{requests_per_member})"));
    let file: RuleFile = serde_yaml_ng::from_str(&text).expect("it is a file of rules");
    let mut rules = file.groups.into_iter().flat_map(|group| group.rules);
    rules.next().expect("it has a rule")
}

/// All rules below a folder.
pub(crate) fn rules_in(folder: &Path) -> Vec<Rule> {
    let files = [SCALING_RULES, OPERATOR_RULES].into_iter();
    files.flat_map(|name| rules_of(folder, name)).collect()
}

pub(crate) fn rules() -> Vec<Rule> {
    rules_in(&path("grafana"))
}

pub(crate) fn rule(uid: &str) -> Rule {
    let found = rules().into_iter().find(|rule| rule.uid == uid);
    found.unwrap_or_else(|| panic!("there is no rule {uid}"))
}
