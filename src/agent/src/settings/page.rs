//! `docs/settings.md`, made of the table.

use std::fmt::{self, Write as _};

use doc_page::Page;

use super::{setting::Setting, table::TABLE};

const HEAD: &str = "\
# Settings of the agent

This page is made of the table in [`src/agent/src/settings/table.rs`](../src/agent/src/settings/table.rs):
change that, then run `UPDATE_DOCS=1 cargo test -p agent settings_page`.

Flags win over the environment, the environment over the file, the file over the defaults.
`scaling.max_size` is `max_size` under `[scaling]` in the file, `AUTOSCALER_SCALING__MAX_SIZE` in the
environment, and `--set scaling.max_size=5` as a flag. A [schedule](scaling.md#schedules) has its place in the file
alone, and so have the tables of [several pools](operating.md#several-pools). Where a setting has further variables or a former key,
its row names them; to give one setting by two keys is an error.

`autoscaler check-config` prints the effective settings, `autoscaler check-config --explain KEY` one row of this
page. The column `--speed` says what the demo and the local cloud do to a time when they run faster than Exoscale.
";

fn page() -> Result<String, fmt::Error> {
    let mut page = HEAD.to_owned();
    let mut section = "";
    for setting in TABLE {
        let (of, name) = setting
            .key
            .split_once('.')
            .unwrap_or((setting.key, setting.key));
        if of != section {
            section = of;
            write!(
                page,
                "\n## {section}\n\n\
                 | key | meaning | kind | default | bounds | `--speed` |\n\
                 | --- | --- | --- | --- | --- | --- |\n"
            )?;
        }
        row(&mut page, name, setting)?;
    }
    Ok(page)
}

fn row(page: &mut String, name: &str, setting: &Setting) -> fmt::Result {
    let mut meaning = setting.about.to_owned();
    for (what, names) in [
        ("Also set by", setting.variables),
        ("Former key:", setting.former),
    ] {
        let names: Vec<_> = names.iter().rev().map(|name| format!("`{name}`")).collect();
        if !names.is_empty() {
            write!(meaning, " {what} {}.", names.join(", "))?;
        }
    }
    let default = match setting.default() {
        Some(default) => format!("`{default}`"),
        None => setting.unset_text(),
    };
    writeln!(
        page,
        "| `{name}` | {meaning} | {} | {default} | {} | {} |",
        setting.kind.text(),
        setting.kind.bounds().unwrap_or_default(),
        setting.kind.at_speed_text().unwrap_or_default(),
    )
}

#[test]
fn settings_page_is_made_of_the_table() {
    let page = Page {
        name: "settings.md",
        test: "-p agent settings_page",
    };
    page.is(&self::page().unwrap());
}
