//! A table of metrics, made of what a program answers to Prometheus.

use std::{
    collections::BTreeSet,
    env,
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

/// What is said of one family.
#[derive(Debug, Default)]
struct Family<'a> {
    name: &'a str,
    help: &'a str,
    kind: &'a str,
    unit: &'a str,
    labels: BTreeSet<&'a str>,
    has_series: bool,
}

/// The table: a row for each family of an exposition, in its order. Each must have a series, by
/// which its labels are known.
pub fn table(exposition: &str) -> String {
    let mut table = "| metric | type | unit | labels | meaning |\n\
                     | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for family in families(exposition) {
        assert!(family.has_series, "{} has no series", family.name);
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | {} | {} | {} | {} |",
            family.series(),
            family.kind,
            family.unit(),
            family
                .labels
                .iter()
                .map(|label| format!("`{label}`"))
                .collect::<Vec<_>>()
                .join(", "),
            family.help.trim_end_matches('.').replace('|', "\\|"),
        );
    }
    table
}

/// Fails unless Prometheus's own checker finds nothing; where that cannot be run, says so.
pub fn lint(exposition: &str) {
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let is_required = env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_some();
            assert!(!is_required, "promtool cannot be run: {error}");
            println!("skipped: promtool cannot be run: {error}");
            return;
        }
    };
    let text = older(exposition);
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("it reads all");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    let is_clean = output.status.success() && said.trim().is_empty();
    assert!(is_clean, "{said}\n{text}");
}

/// The older format, which the checker reads: a counter's name has its suffix in the comments, too.
fn older(exposition: &str) -> String {
    let lines = exposition.lines();
    let counters: Vec<&str> = lines
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .filter(|name| !name.ends_with("_total"))
        .collect();
    let renamed = exposition.lines().map(|line| {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(word), Some(name), Some(text)) if counters.contains(&name) => {
                format!("# {word} {name}_total {text}\n")
            }
            _ => format!("{line}\n"),
        }
    });
    renamed.collect()
}

fn families(exposition: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in exposition.lines().filter(|line| *line != "# EOF") {
        let Some(comment) = line.strip_prefix("# ") else {
            let family = families.last_mut().expect("a family is described first");
            family.add_series(line);
            continue;
        };
        let (word, rest) = comment.split_once(' ').expect("a word and a name");
        let (name, text) = rest.split_once(' ').expect("a name and a text");
        if families.last().is_none_or(|family| family.name != name) {
            families.push(Family {
                name,
                ..Family::default()
            });
        }
        let family = families.last_mut().expect("it was added");
        match word {
            "HELP" => family.help = text,
            "TYPE" => family.kind = text,
            "UNIT" => family.unit = text,
            other => panic!("unknown comment {other}"),
        }
    }
    families
}

impl<'a> Family<'a> {
    fn add_series(&mut self, line: &'a str) {
        assert!(
            line.starts_with(self.name),
            "{line} is none of {}",
            self.name
        );
        self.has_series = true;
        let Some((_, rest)) = line.split_once('{') else {
            return;
        };
        let (labels, _) = rest.rsplit_once('}').expect("labels end");
        // No value of these programs' labels has a quotation mark or an equals sign.
        let names = labels.split(',').filter_map(|label| label.split_once('='));
        self.labels
            .extend(names.map(|(name, _)| name).filter(|name| *name != "le"));
    }

    /// The name by which it is asked for.
    fn series(&self) -> String {
        match self.kind {
            "counter" if !self.name.ends_with("_total") => format!("{}_total", self.name),
            _ => self.name.to_owned(),
        }
    }

    /// The unit that is said, or that the name ends with.
    fn unit(&self) -> &'a str {
        let name = self.name.trim_end_matches("_total");
        let ending = ["seconds", "bytes"].into_iter();
        let mut ending = ending.filter(|unit| name.ends_with(unit));
        match self.unit {
            "" => ending.next().unwrap_or_default(),
            unit => unit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP a_duration_seconds How long it takes.
# TYPE a_duration_seconds histogram
# UNIT a_duration_seconds seconds
a_duration_seconds_sum{path=\"/\",status=\"200\"} 0.5
a_duration_seconds_bucket{le=\"1\",path=\"/\",status=\"200\"} 1
# HELP a_calls Calls | others.
# TYPE a_calls counter
a_calls_total 3
# HELP a_age_seconds Age.
# TYPE a_age_seconds gauge
a_age_seconds{pool=\"web\"} 1
# EOF
";

    #[test]
    fn a_row_says_what_the_exposition_does() {
        let table = table(TEXT);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| `a_duration_seconds` | histogram | seconds | `path`, `status` | How long it takes |",
                "| `a_calls_total` | counter |  |  | Calls \\| others |",
                "| `a_age_seconds` | gauge | seconds | `pool` | Age |",
            ]
        );
    }

    #[test]
    #[should_panic(expected = "a_calls has no series")]
    fn a_family_without_a_series_is_not_hidden() {
        table("# HELP a_calls Calls.\n# TYPE a_calls counter\n# EOF\n");
    }
}
