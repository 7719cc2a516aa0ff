//! The table of operations in `docs/local-cloud.md`, made of the routes.

use std::collections::BTreeMap;

use doc_page::Page;

use super::{super::sos, routes};

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
    let page = Page {
        name: "local-cloud.md",
        test: "-p local-cloud local_cloud_page",
    };
    page.has("the routes", &table());
}
