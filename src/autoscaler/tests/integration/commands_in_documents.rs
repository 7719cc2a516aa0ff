//! What documents tell a reader to type: each block of commands runs here or in another test, or
//! says why not; and what does not run is at least a command line that the programs accept.
//!
//! The line before a block is its mark, a comment that a reader of the page does not see:
//!
//! - `<!-- run -->`: in a folder of its own, with the programs on PATH.
//! - `<!-- run beside an agent -->`, `<!-- run beside a local cloud -->`: the same, with one.
//! - `<!-- run by NAME -->`: the test of this name runs these commands.
//! - `<!-- not run: REASON -->`.

mod blocks;
mod run;
mod typed;

use std::collections::BTreeSet;

use self::{
    blocks::{Block, Mark, Place, blocks_of, documents, of_all_documents},
    typed::{Typed, typed},
};
use crate::agent_support::PATIENCE;

#[test]
fn every_block_of_commands_says_whether_it_runs() {
    let wrong: Vec<_> = of_all_documents()
        .iter()
        .filter_map(Block::problem)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn commands_that_are_not_run_are_accepted_by_the_programs() {
    let mut wrong = Vec::new();
    for block in of_all_documents() {
        if !matches!(block.mark, Some(Mark::Run(_))) {
            wrong.extend(typed::mistakes(&block).await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn blocks_run_as_they_stand() {
    run::all(Place::Alone).await;
}

#[tokio::test]
async fn blocks_run_as_they_stand_beside_an_agent() {
    run::all(Place::Agent).await;
}

#[tokio::test]
async fn blocks_run_as_they_stand_beside_a_local_cloud() {
    run::all(Place::LocalCloud).await;
}

/// What a page must not say is noticed.
#[tokio::test]
async fn a_renamed_option_and_a_block_without_a_mark_are_noticed() {
    for (page, says) in [
        ("```sh\nls\n```\n", "no mark"),
        ("```\nls\n```\n", "no mark"),
        ("<!-- not run: -->\n```sh\nls\n```\n", "no reason"),
        ("<!-- run besides -->\n```sh\nls\n```\n", "not a mark"),
        (
            "<!-- run by no_test_has_this_name -->\n```sh\nls\n```\n",
            "no test",
        ),
    ] {
        let blocks = blocks_of("page.md", page);
        let problem = blocks[0].problem().unwrap_or_default();
        assert!(problem.contains(says), "{page}: {problem}");
        assert!(problem.starts_with("page.md:"), "{problem}");
    }
    for (line, says) in [
        ("autoscaler ctl paus", "paus"),
        ("sudo autoscaler agent --confg x", "--confg"),
        (
            "eval \"$(autoscaler local-cloud environment)\"",
            "environment",
        ),
        ("cargo run --release -- dem --speed fast", "dem"),
        ("cargo run --release -- demo --speed slow", "slow"),
        (
            "x && cd y && autoscaler check-config --explan >z/z",
            "--explan",
        ),
        ("docker run ghcr.io/OWNER/autoscaler:0.1.0 agen", "agen"),
    ] {
        let page = format!("<!-- not run: x -->\n```sh\n{line}\n```\n");
        let mistakes = typed::mistakes(&blocks_of("page.md", &page)[0]).await;
        assert!(
            mistakes.len() == 1 && mistakes[0].contains(says),
            "{line}: {mistakes:?}"
        );
    }
    let page = "<!-- not run: x -->\n```sh\nautoscaler demo --speed real | tee log   # and more\n\
                until all=$(autoscaler local-cloud env); do sleep 1; done\n```\n";
    let block = &blocks_of("page.md", page)[0];
    assert_eq!(typed(block).await.len(), 2);
    assert_eq!(typed::mistakes(block).await, Vec::<String>::new());
}

/// The commands that a reader meets first are among those that run.
#[tokio::test]
async fn the_first_commands_of_a_reader_run() {
    if !documents().iter().any(|name| name == "README.md") {
        println!("skipped: a build by Nix has a few pages only");
        return;
    }
    let mut run = BTreeSet::new();
    for block in of_all_documents() {
        if matches!(block.mark, Some(Mark::Run(_) | Mark::RunBy(_))) {
            for Typed { program, arguments } in typed(&block).await {
                run.insert(program.to_owned());
                run.extend(arguments);
            }
        }
    }
    for part in [
        "loadtest",
        "--help",
        "init",
        "doctor",
        "agent",
        "check-config",
        "ctl",
        "simulate",
        "local-cloud",
        "fault",
        "completions",
    ] {
        assert!(run.contains(part), "no block that runs has {part}: {run:?}");
    }
}
