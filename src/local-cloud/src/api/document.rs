//! The table of operations in `docs/local-cloud.md`, made of the routes.

use std::{collections::BTreeMap, env, fs, path::Path};

use super::{super::sos, routes};

const BEGIN: &str =
    "<!-- made of the routes: UPDATE_DOCS=1 cargo test -p local-cloud local_cloud_page -->\n";
const END: &str = "<!-- end -->";

fn table() -> String {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for route in routes() {
        let kind = route.path.split('/').nth(1).unwrap_or_default();
        kinds.entry(kind).or_default().push(route.operation);
    }
    let rows = kinds.into_iter().map(|(kind, mut operations)| {
        operations.sort_unstable();
        let operations: Vec<_> = operations.iter().map(|id| format!("`{id}`")).collect();
        format!("| `/{kind}` | {} |\n", operations.join(", "))
    });
    let mut of_sos: Vec<_> = sos::OPERATIONS.map(|(id, _)| format!("`{id}`")).into();
    of_sos.sort_unstable();
    let of_sos = format!(
        "| SOS, at an address of its own | {} |\n",
        of_sos.join(", ")
    );
    let rows: String = rows.chain([of_sos]).collect();
    format!("| path | operations |\n| --- | --- |\n{rows}")
}

#[test]
fn local_cloud_page_lists_what_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/local-cloud.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the table's begin");
    let (_, after) = rest.split_once(END).expect("the table's end");
    let expected = format!("{before}{BEGIN}{}{END}{after}", table());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
        return;
    }
    assert!(
        page == expected,
        "docs/local-cloud.md is not what the routes say; run: \
         UPDATE_DOCS=1 cargo test -p local-cloud local_cloud_page"
    );
}
