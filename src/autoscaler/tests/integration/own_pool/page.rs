//! The page about a pool of one's own has what the commands print.

use std::{env, fs};

use super::Own;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/own-pool.md");

/// Fails unless the page's block of each name is this output; `UPDATE_DOCS=1` writes it instead.
pub(super) fn holds(own: &Own, outputs: &[(&str, &str)]) {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let mut new = page.clone();
    for (name, output) in outputs {
        let begin = format!("<!-- {name} -->\n```text\n");
        let (before, rest) = new.split_once(&begin).expect("the block is there");
        let (_, after) = rest.split_once("```\n").expect("the block ends");
        new = format!("{before}{begin}{}```\n{after}", everyones(own, output));
    }
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, &new).expect("the page is writable");
    }
    assert!(
        env::var_os("UPDATE_DOCS").is_some() || new == page,
        "docs/own-pool.md is not what the commands print; run: UPDATE_DOCS=1 cargo test -p autoscaler own_pool"
    );
}

/// The page's code in this language.
pub(super) fn code(language: &str) -> String {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let (_, rest) = page
        .split_once(&format!("```{language}\n"))
        .expect("there is code");
    let (code, _) = rest.split_once("```\n").expect("it ends");
    code.to_owned()
}

/// What differs from run to run is as at Exoscale.
fn everyones(own: &Own, output: &str) -> String {
    let folder = own.folder.path().display().to_string();
    let endpoint = own.endpoint();
    let host = endpoint
        .trim_start_matches("http://")
        .trim_end_matches("/v2");
    let mut text = output
        .replace(&format!("{folder}/sd"), "/srv/service-discovery")
        .replace(&format!("{folder}/journal"), "/var/lib/autoscaler")
        .replace(&folder, "/home/me")
        .replace(host, "api-at-vie-1.exoscale.com")
        .replace(&format!("{}:8090", own.address), "127.0.0.1:8090")
        .replace(
            &own.stack.pool.to_string(),
            "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e",
        )
        .replace(
            &own.stack.balancer.to_string(),
            "9b1f4f3a-9a4c-4f6e-8b1c-36fc4b8e3f4d",
        );
    for (at, port) in [
        ("Prometheus answers at ", "9090"),
        ("Grafana answers at ", "3000"),
    ] {
        if let Some((before, rest)) = text.clone().split_once(at) {
            let (_, after) = rest.split_once('\n').unwrap_or_default();
            text = format!("{before}{at}http://127.0.0.1:{port}/\n{after}");
        }
    }
    text
}
