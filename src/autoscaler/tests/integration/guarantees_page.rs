//! `docs/guarantees.md` names the tests that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use doc_page::Page;

use crate::architecture::rust_files;

/// A name such as `g07_ambiguous_writes_are_read_back`, with its guarantee's number.
fn numbered(name: &str) -> Option<(u32, &str)> {
    let (number, rest) = name.strip_prefix('g')?.split_once('_')?;
    let is_name = !rest.is_empty() && number.len() == 2;
    Some((number.parse().ok()?, name)).filter(|_| is_name)
}

/// The names that follow `keyword` in these sources.
fn declared(sources: &str, keyword: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let lines = sources.lines().map(str::trim_start);
    let names = lines.filter_map(|line| {
        let line = line.trim_start_matches("async ");
        line.strip_prefix(keyword)?.split(|c| !is_of_name(c)).next()
    });
    names.map(str::to_owned).collect()
}

/// The text of every Rust file below the folders of crates.
fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut text = String::new();
    for folder in ["src", "loadtest", "fuzz/entries"] {
        for file in rust_files(&root.join(folder)) {
            text += &fs::read_to_string(file).expect("a text");
            text.push('\n');
        }
    }
    text
}

/// Of each row, the guarantee's number and the tests that it names.
fn rows(page: &str) -> BTreeMap<u32, Vec<String>> {
    let rows = page.lines().filter_map(|line| {
        let row = line.strip_prefix("| G")?.trim_end_matches(" |");
        let number = row.split_once(' ')?.0.parse().ok()?;
        let (_, tests) = row.rsplit_once(" | ")?;
        let names = tests.split('`').skip(1).step_by(2);
        Some((number, names.map(str::to_owned).collect()))
    });
    rows.collect()
}

#[test]
fn the_page_of_guarantees_names_the_tests_that_there_are() {
    let page = Page {
        name: "guarantees.md",
        test: "",
    };
    let page = fs::read_to_string(page.path()).expect("the page is there");
    let sources = sources();
    let modules = declared(&sources, "mod ");
    let tests = declared(&sources, "fn ");
    let rows = rows(&page);
    assert!(rows.len() >= 19, "{rows:?}");
    let numbers = rows.keys().copied();
    assert!(numbers.eq(1..=rows.len() as u32), "none is left out");
    for (number, names) in &rows {
        assert!(
            names
                .iter()
                .any(|name| numbered(name).is_some_and(|(of, _)| of == *number)),
            "G{number} has no test of its number: {names:?}"
        );
        for name in names {
            let is_there = modules.contains(name) || tests.contains(name);
            assert!(is_there, "G{number}: there is no test {name}");
        }
    }
    for (number, name) in modules.iter().filter_map(|name| numbered(name)) {
        let names = rows.get(&number);
        assert!(
            names.is_some_and(|names| names.iter().any(|known| known == name)),
            "docs/guarantees.md lacks {name} in the row of G{number}"
        );
    }
}
