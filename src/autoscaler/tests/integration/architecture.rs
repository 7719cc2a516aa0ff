//! The map in `ARCHITECTURE.md` is that of the workspace.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The Rust files below a folder.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// Crates that serve tests alone.
const FOR_TESTS: [&str; 3] = ["doc-page", "test-support", "fuzz-entries"];

type Uses = BTreeSet<String>;

/// Each crate of the workspace, with those of the workspace that it is built with.
fn workspace(root: &Path) -> BTreeMap<String, Uses> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    let document: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = document["packages"].as_array().expect("packages");
    let uses = |package: &Value| {
        let dependencies = package["dependencies"].as_array().expect("a list");
        dependencies
            .iter()
            .filter(|one| one["kind"].is_null() && !one["path"].is_null())
            .map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    packages
        .iter()
        .map(|one| (one["name"].as_str().expect("a name").to_owned(), uses(one)))
        .filter(|(name, _)| !FOR_TESTS.contains(&name.as_str()))
        .collect()
}

/// The rows of the map, in order.
fn map(root: &Path) -> Vec<(String, Uses)> {
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the page is there");
    let (_, after) = text.split_once("| crate | uses |").expect("the table");
    let rows = after
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with("| `"));
    let names = |text: &str| {
        text.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    rows.map(|row| {
        let (what, uses) = row
            .trim_start_matches(['|', ' '])
            .split_once(" |")
            .expect("two columns");
        let (name, _) = what
            .trim_start_matches('`')
            .split_once('`')
            .expect("a name");
        (name.to_owned(), names(uses))
    })
    .collect()
}

#[test]
fn the_map_is_that_of_cargo_metadata() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let map = map(&root);
    let drawn: BTreeMap<_, _> = map.iter().cloned().collect();
    assert_eq!(drawn, workspace(&root));
    for (place, (name, uses)) in map.iter().enumerate() {
        let below: Uses = map[place + 1..]
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        let above: Vec<_> = uses.difference(&below).collect();
        assert!(
            above.is_empty(),
            "{name} uses what stands above it: {above:?}"
        );
    }
}

/// What the project promises of single crates.
#[test]
fn some_crates_know_little() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace(&root);
    for alone in ["policy", "exoscale", "loadtest"] {
        assert_eq!(workspace[alone], Uses::new(), "{alone}");
    }
    let know_the_demo = workspace.iter().filter(|(_, uses)| uses.contains("demo"));
    assert_eq!(
        know_the_demo.map(|(name, _)| name).collect::<Vec<_>>(),
        ["autoscaler"]
    );
    // Down to the last of its dependencies.
    let mut reached = workspace["slow-app"].clone();
    while let Some(more) = {
        let next: Uses = reached
            .iter()
            .flat_map(|name| workspace[name].clone())
            .collect();
        (!next.is_subset(&reached)).then_some(next)
    } {
        reached.extend(more);
    }
    assert!(!reached.contains("exoscale"), "{reached:?}");
}

/// Another cloud would be another module, and nothing else.
#[test]
fn the_agent_names_exoscales_api_in_its_target_alone() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/src");
    let mut naming = BTreeSet::new();
    for path in rust_files(&sources) {
        let text = fs::read_to_string(&path).expect("a text");
        if text.contains("exoscale::") {
            let path = path.strip_prefix(&sources).expect("it is below");
            naming.insert(path.iter().next().expect("a name").to_owned());
        }
    }
    assert_eq!(naming.into_iter().collect::<Vec<_>>(), ["target"]);
}
