//! The blocks of commands in the documents, and their marks.

use std::{
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Pages whose blocks have one mark, those that have none of their own.
const PAGES: [(&str, &str); 3] = [
    (
        "docs/demo.md",
        "not run: scripts/rehearse.sh takes the same way",
    ),
    (
        "docs/getting-started.md",
        "not run: it clones and builds first; own_pool and local_cloud_program do the rest",
    ),
    (
        "loadtest/README.md",
        "not run: they call a server of the reader's",
    ),
];

/// What a block is run beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Alone,
    Agent,
    LocalCloud,
}

/// What becomes of a block.
#[derive(Debug)]
pub(super) enum Mark {
    Run(Place),
    RunBy(Vec<String>),
    NotRun(String),
    Unknown(String),
}

impl Mark {
    fn parse(text: &str) -> Self {
        match text {
            "run" => Self::Run(Place::Alone),
            "run beside an agent" => Self::Run(Place::Agent),
            "run beside a local cloud" => Self::Run(Place::LocalCloud),
            _ => {
                if let Some(names) = text.strip_prefix("run by ") {
                    Self::RunBy(names.split(" and ").map(str::to_owned).collect())
                } else if let Some(reason) = text.strip_prefix("not run:") {
                    Self::NotRun(reason.trim().to_owned())
                } else {
                    Self::Unknown(text.to_owned())
                }
            }
        }
    }
}

/// A block of commands in a page.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) page: String,
    /// The line of its beginning, counted from 1.
    pub(super) line: usize,
    pub(super) mark: Option<Mark>,
    pub(super) text: String,
}

impl Block {
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }

    /// What is wrong with its mark.
    pub(super) fn problem(&self) -> Option<String> {
        let problem = match &self.mark {
            None => "no mark before the block: say `<!-- run -->`, `<!-- run by TEST -->` or \
                     `<!-- not run: REASON -->`, or name its language when it holds no commands"
                .to_owned(),
            Some(Mark::Unknown(text)) => format!("`{text}` is not a mark"),
            Some(Mark::NotRun(reason)) if reason.is_empty() => "no reason is given".to_owned(),
            Some(Mark::RunBy(names)) => {
                let missing = names.iter().find(|name| !is_a_test(name))?;
                format!("there is no test {missing}")
            }
            Some(Mark::Run(_) | Mark::NotRun(_)) => return None,
        };
        Some(format!("{}: {problem}", self.place()))
    }
}

/// Whether a source file has a function of this name.
fn is_a_test(name: &str) -> bool {
    let function = format!("fn {name}()");
    let mut found = false;
    for folder in ["src", "loadtest"] {
        walk(&Path::new(ROOT).join(folder), "rs", &mut |path| {
            found |= fs::read_to_string(path).is_ok_and(|text| text.contains(&function));
        });
    }
    found
}

fn walk(folder: &Path, extension: &str, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, extension, visit);
        } else if path.extension().is_some_and(|found| found == extension) {
            visit(&path);
        }
    }
}

/// The pages for readers, from the repository's root. A build by Nix has a few of them only.
pub(super) fn documents() -> Vec<String> {
    let root = Path::new(ROOT);
    let mut pages: Vec<String> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ]
    .into_iter()
    .filter(|name| root.join(name).is_file())
    .map(str::to_owned)
    .collect();
    for folder in ["docs", "loadtest", "terraform"] {
        walk(&root.join(folder), "md", &mut |path| {
            let name = path.strip_prefix(root).expect("it is below the root");
            // What Terraform downloads.
            if !name
                .components()
                .any(|part| part.as_os_str() == ".terraform")
            {
                pages.push(name.display().to_string());
            }
        });
    }
    pages
}

pub(super) fn page(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).expect("the page is readable")
}

pub(super) fn of_all_documents() -> Vec<Block> {
    let pages = documents().into_iter();
    pages
        .flat_map(|name| blocks_of(&name, &page(&name)))
        .collect()
}

/// The code between fences: the line of the fence, what the line before says, the language, the
/// code.
pub(super) fn fenced(text: &str) -> Vec<(usize, &str, &str, String)> {
    let mut found = Vec::new();
    let mut before = "";
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let code: Vec<_> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| !line.trim_start().starts_with("```"))
                .collect();
            let code = code.join("\n") + "\n";
            found.push((at + 1, before, language.trim(), code));
        }
        before = line;
    }
    found
}

/// The page's blocks of commands. A block without a language counts as one.
pub(super) fn blocks_of(page: &str, text: &str) -> Vec<Block> {
    let usual = PAGES.iter().find(|(name, _)| *name == page);
    let is_of_commands = |language: &str| ["", "sh", "bash", "console"].contains(&language);
    fenced(text)
        .into_iter()
        .filter(|(_, _, language, _)| is_of_commands(language))
        .map(|(line, before, _, code)| {
            let own = before
                .trim()
                .strip_prefix("<!--")
                .and_then(|comment| comment.strip_suffix("-->"));
            Block {
                page: page.to_owned(),
                line,
                mark: own
                    .or(usual.map(|(_, mark)| *mark))
                    .map(|mark| Mark::parse(mark.trim())),
                text: code,
            }
        })
        .collect()
}
