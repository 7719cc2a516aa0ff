//! The runs that `compare` reads: reports, logs, histories, and folders of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use loadtest::{
    Summary,
    report::{self, Headline, HeadlineError},
};

/// A run as far as its file tells of it.
struct Known {
    name: String,
    headline: Headline,
    /// A line of a history has no more than the headline.
    summary: Option<Summary>,
}

/// Compares the runs of these files: two in detail, several in a table.
pub(super) fn compare(paths: &[PathBuf]) -> anyhow::Result<String> {
    let mut runs = Vec::new();
    for path in paths {
        read(path, &mut runs)?;
    }
    if let [
        Known {
            name: name_a,
            summary: Some(a),
            ..
        },
        Known {
            name: name_b,
            summary: Some(b),
            ..
        },
    ] = &runs[..]
    {
        return Ok(report::compare((name_a, a), (name_b, b)));
    }
    let runs: Vec<_> = runs
        .into_iter()
        .map(|run| (run.name, run.headline))
        .collect();
    Ok(report::compare_many(&runs))
}

fn read(path: &Path, runs: &mut Vec<Known>) -> anyhow::Result<()> {
    if path.is_dir() {
        return in_folder(path)?
            .iter()
            .try_for_each(|path| read(path, runs));
    }
    let name = path.display().to_string();
    if has_extension(path, "hlog") {
        let summary = report::merge(&[path])?;
        runs.push(Known {
            name,
            headline: Headline::of(&summary, true),
            summary: Some(summary),
        });
        return Ok(());
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    if is_history(path, &text) {
        return read_history(&name, &text, runs);
    }
    let report = report::read_json(&text).with_context(|| format!("cannot use {name}"))?;
    runs.push(Known {
        name,
        headline: Headline::of(&report.run, report.passed),
        summary: Some(report.run),
    });
    Ok(())
}

/// The reports and logs of a folder, by name. A log beside its report is the same run.
fn in_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let alone = has_extension(&path, "hlog") && !path.with_extension("json").exists();
        if alone || has_extension(&path, "json") {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        bail!(
            "no .json report and no .hlog is in {}: write them with --json or --hlog",
            folder.display()
        );
    }
    Ok(found)
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension()
        .is_some_and(|extension| extension == wanted)
}

/// Whatever its name, a history begins with a whole line of one.
fn is_history(path: &Path, text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty());
    has_extension(path, "jsonl")
        || first
            .is_some_and(|line| !matches!(Headline::from_line(line), Err(HeadlineError::Json(_))))
}

fn read_history(name: &str, text: &str, runs: &mut Vec<Known>) -> anyhow::Result<()> {
    let before = runs.len();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let headline =
            Headline::from_line(line).with_context(|| format!("{name}:{}", index + 1))?;
        let time = headline.time.strftime("%m-%d %H:%M");
        let label = headline.label.as_deref().unwrap_or_default();
        runs.push(Known {
            name: format!("{time} {label}").trim_end().to_owned(),
            headline,
            summary: None,
        });
    }
    if runs.len() == before {
        bail!("{name} has no run yet: --save-summary adds one a run");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use loadtest::{
        Summary,
        report::{Headline, to_json},
    };

    use super::compare;

    fn line(label: &str) -> String {
        let mut summary = Summary::default();
        summary.plan.insert("label".to_owned(), label.to_owned());
        Headline::of(&summary, true).to_line()
    }

    #[test]
    fn two_reports_are_compared_in_detail_and_everything_else_in_a_table() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["a.json", "b.json"] {
            fs::write(at(name), to_json(&Summary::default(), &[])).expect("written");
        }
        fs::write(at("history"), line("one") + "\n" + &line("two")).expect("written");
        let detailed = |text: String| text.contains("response p99");
        assert!(detailed(
            compare(&[at("a.json"), at("b.json")]).expect("two")
        ));
        assert!(detailed(
            compare(&[folder.path().to_owned()]).expect("two in it")
        ));
        let text = compare(&[at("history")]).expect("a history");
        assert!(
            text.contains("01-01 00:00 one") && text.contains("01-01 00:00 two"),
            "{text}"
        );
        for paths in [
            &["a.json"][..],
            &["a.json", "b.json", "a.json"],
            &["a.json", "history"],
        ] {
            let paths: Vec<_> = paths.iter().map(|name| at(name)).collect();
            assert!(!detailed(compare(&paths).expect("a table")));
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let newer = line("x").replace("loadtest.run/1", "loadtest.run/9");
        for (name, text, part) in [
            (
                "x.jsonl",
                line("a") + "{}\n",
                "x.jsonl:2: this is not a line that --save-summary writes",
            ),
            ("newer", newer, "newer:1: its schema is \"loadtest.run/9\""),
            ("empty.jsonl", String::new(), "has no run yet"),
            (
                "x.json",
                "{}".to_owned(),
                "this is not a report written with --json",
            ),
        ] {
            fs::write(at(name), text).expect("written");
            let error = format!("{:#}", compare(&[at(name)]).expect_err(name));
            assert!(error.contains(part), "{error}");
        }
        fs::create_dir(at("none")).expect("made");
        let error = format!("{:#}", compare(&[at("none")]).expect_err("empty"));
        assert!(error.contains("no .json report"), "{error}");
    }
}
