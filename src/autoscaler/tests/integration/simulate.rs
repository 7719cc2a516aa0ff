//! `autoscaler simulate` from outside: its table, its files, and what it says of mistakes.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::Value;
use tokio::process::Command;

use crate::programs::{end_of, said};

async fn simulate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_autoscaler"));
    command.arg("simulate").args(arguments);
    // Only what is given counts, not what this machine's environment sets.
    command.env("AUTOSCALER_SCALING__MAX_SIZE", "2");
    end_of(command).await
}

async fn printed(arguments: &[&str]) -> String {
    let ended = simulate(arguments).await;
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stderr.is_empty(), "{ended:?}");
    String::from_utf8(ended.stdout).expect("it prints text")
}

/// The row of a policy in the first table, by words.
fn row<'a>(table: &'a str, policy: &str) -> Vec<&'a str> {
    let words = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut rows = words.filter(|words| words.first() == Some(&policy));
    rows.next()
        .unwrap_or_else(|| panic!("no row {policy} in {table}"))
}

fn cost(table: &str, policy: &str) -> f64 {
    row(table, policy)[1].parse().expect("a cost")
}

/// Around the table in the page.
const MARKS: (&str, &str) = ("```text\n", "```\n");

#[tokio::test]
async fn the_pages_table_is_what_the_command_prints() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scaling.md");
    let text = fs::read_to_string(&page).expect("the page is there");
    let (before, rest) = text.split_once(MARKS.0).expect("the table's beginning");
    let (table, after) = rest.split_once(MARKS.1).expect("the table's end");
    let now = printed(&[]).await;
    if env::var_os("UPDATE_DOCS").is_some() {
        let text = [before, MARKS.0, &now, MARKS.1, after].concat();
        fs::write(&page, text).expect("the page is writable");
        return;
    }
    assert_eq!(
        table, now,
        "run: UPDATE_DOCS=1 cargo test -p autoscaler the_pages_table_is_what_the_command_prints"
    );
}

#[tokio::test]
async fn a_file_of_requests_is_served_by_all_policies_that_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = folder.path().join("monday.csv");
    let minutes = (0..40).map(|minute| if minute < 20 { "100\n" } else { "600\n" });
    fs::write(&trace, minutes.collect::<String>()).expect("it is writable");
    let json = folder.path().join("all.json");
    let figures = folder.path().join("new/figures");
    let path = |path: &PathBuf| path.to_str().expect("it is text").to_owned();
    let arguments = [
        "--trace",
        &path(&trace),
        "--traces",
        "step",
        "--policies",
        "hpa-70,ours,ours-70-30",
        "--seed",
        "5",
        "--json",
        &path(&json),
        "--figures",
        &path(&figures),
    ];
    let table = printed(&arguments).await;
    assert!(table.starts_with("Means over 2 traces:"), "{table}");
    assert!(
        cost(&table, "hpa-70") > 1.0 && cost(&table, "ours") > 1.0,
        "{table}"
    );
    assert!(!table.contains("clairvoyant"), "{table}");

    let document = fs::read_to_string(&json).expect("it is written");
    let document: Value = serde_json::from_str(&document).expect("it is JSON");
    let names = document["traces"].as_array().expect("a list").iter();
    let names: Vec<_> = names
        .map(|one| one["trace"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["step", "monday"]);
    assert_eq!(document["traces"][1]["minutes"], 40.0);
    assert_eq!(document["seeds"], serde_json::json!([5]));
    let of_ours = &document["traces"][0]["policies"][1];
    assert_eq!(of_ours["policy"], "ours");
    assert!(of_ours["recovery_s"].as_f64().expect("it has a step") > 0.0);

    let mut files: Vec<_> = fs::read_dir(&figures).expect("it is made").collect();
    files.sort_by_key(|file| file.as_ref().expect("an entry").file_name());
    let files: Vec<_> = files
        .into_iter()
        .map(|file| file.expect("an entry").path())
        .collect();
    let names = ["monday.svg", "step.svg"].map(|name| figures.join(name));
    assert_eq!(files, names);
    for file in files {
        let source = fs::read_to_string(file).expect("it is readable");
        assert!(source.starts_with("<svg ") && source.trim_end().ends_with("</svg>"));
    }
    let left = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 3, "the trace, the document and the figures' folder");
}

#[tokio::test]
async fn json_can_take_the_tables_place_and_a_seed_decides_everything() {
    let arguments = |seed| {
        [
            "--traces",
            "step",
            "--policies",
            "ours",
            "--json",
            "-",
            "--seed",
            seed,
        ]
    };
    let first = printed(&arguments("1")).await;
    let document: Value = serde_json::from_str(&first).expect("it is JSON and nothing else");
    assert_eq!(document["schema"], "autoscaler.simulation/1");
    assert_eq!(first, printed(&arguments("1")).await);
    assert_ne!(first, printed(&arguments("2")).await);
}

#[tokio::test]
async fn settings_and_files_of_the_monitoring_are_the_users_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("it is writable");
        path.to_str().expect("it is text").to_owned()
    };
    let of = async |arguments: &[&str]| {
        let common = [
            "--traces",
            "step",
            "--seed",
            "1",
            "--policies",
            "ours,static-max",
        ];
        printed(&[&common[..], arguments].concat()).await
    };
    let image = of(&[]).await;
    let three = file(
        "three.toml",
        "[scaling]\nmax_size = 3\n[scale_out]\nstep = 2\n",
    );
    let small = of(&["--settings", &three]).await;
    assert!(
        cost(&small, "static-max") < cost(&image, "static-max"),
        "{small}"
    );
    assert_eq!(
        of(&["--settings", &three, "--max", "10", "--min", "10"]).await,
        {
            let pinned = file(
                "ten.toml",
                "[scaling]\nmin_size = 10\n[scale_out]\nstep = 2\n",
            );
            of(&["--settings", &pinned]).await
        }
    );
    let lazy = file("lazy.toml", "[thresholds]\nup = 0.95\ndown = 0.1\n");
    assert_ne!(of(&["--settings", &lazy]).await, image);

    let nixos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nixos");
    let rules = nixos.join("grafana/provisioning/alerting/rules.yml");
    let rules = fs::read_to_string(rules).expect("they are there");
    let slow = file("slow.yml", &rules.replace("for: 2m", "for: 5m"));
    let slow = of(&["--alert-rules", &slow]).await;
    assert_ne!(slow, image);
    let prometheus = nixos.join("prometheus.yml");
    let prometheus = fs::read_to_string(prometheus).expect("it is there");
    let same = file("prometheus.yml", &prometheus);
    assert_eq!(of(&["--prometheus", &same]).await, image);

    // Who has no such application can have no rule by its request rate, and everything else.
    let other = prometheus.replace("job_name: slow-app", "job_name: shop");
    let other = file("other.yml", &other);
    assert_eq!(of(&["--prometheus", &other]).await, image);
    let arguments = ["--traces", "step", "--seed", "1", "--prometheus", &other];
    let table = printed(&arguments).await;
    assert!(
        table.contains("\nours ") && !table.contains("ours-requests"),
        "{table}"
    );
    let named = [&arguments[..], &["--policies", "ours-requests"]].concat();
    let text = said("ours-requests", &simulate(&named).await, 2);
    for part in ["--policies: ours-requests", "slow-app"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn every_mistake_is_said_with_its_argument_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("it is writable");
        path.to_str().expect("it is text").to_owned()
    };
    let negative = file("negative.csv", b"1\n2\n-3\n");
    let words = file("words.csv", b"# minutes\n1\nmany\n");
    let nan = file("nan.csv", b"NaN\n");
    let huge = file("huge.csv", b"1\n1e99\n");
    let empty = file("empty.csv", b"");
    let binary = file("binary.csv", &[0xff, 0x00]);
    let good = file("good.csv", b"1\n2\n");
    let unknown = file("unknown.toml", b"[scaling]\nmaximum = 3\n");
    let rules = file("rules.yml", b"groups: []\n");
    let no_folder = format!("{good}/figures");
    let missing = folder.path().join("missing.csv").display().to_string();
    let folder = folder.path().to_str().expect("it is text");
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["--trace", &negative],
            &["--trace", "line 3", "`-3`", "negative"],
        ),
        (
            &["--trace", &words],
            &["--trace", "line 3", "`many`", "not a number"],
        ),
        (&["--trace", &nan], &["--trace", "line 1", "not a number"]),
        (&["--trace", &huge], &["--trace", "line 2", "1e12"]),
        (&["--trace", &empty], &["--trace", "empty.csv", "is empty"]),
        (&["--trace", &binary], &["--trace", "UTF-8"]),
        (&["--trace", folder], &["--trace", "a folder"]),
        (&["--trace", &missing], &["--trace", "there is no file"]),
        (
            &["--trace", &good, "--trace", &good],
            &["--trace", "called good"],
        ),
        (&["--traces", "stairs"], &["--traces", "day-in-4h"]),
        (
            &["--traces", "step,step"],
            &["--traces", "step is named twice"],
        ),
        (&["--policies", "hpa"], &["--policies", "`hpa`", "hpa-60"]),
        (
            &["--policies", "ours-20-80"],
            &["--policies", "`ours-20-80`"],
        ),
        (&["--seed", "1,1"], &["--seed", "1 is named twice"]),
        (&["--seed=-1"], &["--seed", "-1"]),
        (&["--min", "5", "--max", "4"], &["--min, --max", "5", "4"]),
        (&["--max", "1001"], &["--max", "1000"]),
        (&["--boot", "soon"], &["--boot", "not a duration"]),
        (
            &["--settings", &missing],
            &["--settings", "there is no file"],
        ),
        (
            &["--settings", &unknown],
            &["scaling.maximum", "unknown setting"],
        ),
        (&["--alert-rules", &rules], &["the alert rules", "`scale`"]),
        (&["--prometheus", &rules], &["Prometheus' configuration"]),
        (&["--json", folder], &["--json", "a folder"]),
        (&["--figures", &good], &["--figures", "not a folder"]),
        (
            &["--figures", &no_folder, "--policies", "hpa-60"],
            &["--figures", "--policies"],
        ),
    ];
    for (arguments, parts) in cases {
        let ended = simulate(arguments).await;
        let text = said(&arguments.join(" "), &ended, 2);
        for part in *parts {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(ended.stdout.is_empty(), "{ended:?}");
    }
}
