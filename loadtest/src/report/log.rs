//! Interval logs as they are read back.

use std::{error::Error, fs, io::Cursor, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hdrhistogram::{Histogram, serialization::Deserializer};
use percent_encoding::percent_decode_str;

use super::hlog::{PLAN_COMMENT, PlanLine, TARGET_TAG, TICK_COMMENT, TickLine};
use crate::{
    Slice,
    record::{Class, Part, Tag, TargetPart, Timed, add},
};

/// A log that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        path: String,
        source: std::io::Error,
    },
    /// A line is not what this program writes.
    #[error("{path}:{line} is not a line that --hlog writes")]
    Line {
        path: String,
        line: usize,
        /// What is wrong with it.
        source: LineError,
    },
    /// The log has no tick.
    #[error("{path}: no interval of loadtest in this file (was it written with --hlog?)")]
    Empty { path: String },
}

type LineError = Box<dyn Error + Send + Sync>;

/// What a run wrote with `--hlog`.
#[derive(Debug)]
pub struct Log {
    pub(super) name: String,
    pub(super) plan: Option<PlanLine>,
    pub(super) ticks: Vec<(TickLine, Part)>,
}

impl Log {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, LogError> {
        let name = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(name, &text),
            Err(source) => Err(LogError::Read { path: name, source }),
        }
    }

    /// Reads a text; the name is what errors and warnings call it.
    pub fn parse(name: String, text: &str) -> Result<Self, LogError> {
        let mut log = Self {
            name,
            plan: None,
            ticks: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            if let Err(source) = read_line(line, &mut log) {
                return Err(LogError::Line {
                    path: log.name,
                    line: index + 1,
                    source,
                });
            }
        }
        if log.ticks.is_empty() {
            Err(LogError::Empty { path: log.name })
        } else {
            Ok(log)
        }
    }

    /// The part of a load that this run was, where it was one.
    pub(super) fn slice(&self) -> Option<Slice> {
        let slice = self.plan.as_ref()?.settings.get("slice")?;
        slice.parse().ok()
    }
}

fn read_line(line: &str, log: &mut Log) -> Result<(), LineError> {
    let comment = |prefix: &str| {
        line.strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(']'))
    };
    if let Some(json) = comment(PLAN_COMMENT) {
        log.plan = Some(serde_json::from_str(json)?);
    } else if let Some(json) = comment(TICK_COMMENT) {
        let tick: TickLine = serde_json::from_str(json)?;
        let targets = tick.targets.iter().map(|(name, counts)| {
            let part = TargetPart {
                counts: *counts,
                ..TargetPart::default()
            };
            (Arc::clone(name), part)
        });
        let part = Part {
            counts: tick.counts.clone(),
            targets: targets.collect(),
            ..Part::default()
        };
        log.ticks.push((tick, part));
    } else if let Some(rest) = line.strip_prefix("Tag=") {
        let (tag, fields) = rest
            .split_once(',')
            .ok_or("the tag is not followed by ','")?;
        let (_, part) = log
            .ticks
            .last_mut()
            .ok_or("a histogram comes before the first Loadtest.Tick comment")?;
        let encoded = fields.rsplit(',').next().unwrap_or_default();
        put(part, tag, &decode(encoded)?)?;
    }
    Ok(())
}

fn decode(encoded: &str) -> Result<Histogram<u64>, LineError> {
    let bytes = STANDARD.decode(encoded)?;
    Ok(Deserializer::new().deserialize(&mut Cursor::new(bytes))?)
}

fn put(part: &mut Part, tag: &str, histogram: &Histogram<u64>) -> Result<(), LineError> {
    let fields: Vec<&str> = tag.splitn(3, '/').collect();
    if let Some(wait) = part.waits.by_name(tag) {
        add(wait, histogram);
        return Ok(());
    }
    if let Some(name) = tag.strip_prefix(TARGET_TAG) {
        let name = percent_decode_str(name).decode_utf8()?;
        let target = part.targets.entry(Arc::from(name)).or_default();
        add(&mut target.response, histogram);
        return Ok(());
    }
    match fields[..] {
        [kind @ ("response" | "service"), class, backend] => {
            let class = Class::ALL.into_iter().find(|known| known.name() == class);
            let class =
                class.ok_or_else(|| format!("the tag {tag:?} has a class that is not known"))?;
            let timed = part
                .timed
                .entry(Tag {
                    backend: Arc::from(backend),
                    class,
                })
                .or_insert_with(Timed::new);
            add(
                if kind == "response" {
                    &mut timed.response
                } else {
                    &mut timed.service
                },
                histogram,
            );
        }
        _ => return Err(format!("the tag {tag:?} is not one of loadtest's").into()),
    }
    Ok(())
}
