//! A plan's settings in words, for who reads a report.

use std::collections::BTreeMap;

use super::{Load, Plan};
use crate::{
    slice::Slice,
    text::{LONGEST, show_duration},
};

impl Plan {
    /// The settings that matter for reading a report, as texts.
    pub fn describe(&self) -> BTreeMap<&'static str, String> {
        let (mode, mut profile) = match &self.load {
            Load::Open(profile) => ("open loop", profile.to_string()),
            Load::Closed(LONGEST) => ("closed loop", String::new()),
            Load::Closed(duration) => ("closed loop", show_duration(*duration)),
        };
        if let Some(requests) = self.requests {
            let separator = if profile.is_empty() { "" } else { ", at most " };
            profile = format!("{profile}{separator}{requests} requests");
        }
        let mut target = self.target.to_string();
        let mut methods = vec![self.request.method()];
        for call in &self.more {
            if !methods.contains(&call.request.method()) {
                methods.push(call.request.method());
            }
        }
        if !self.more.is_empty() {
            target = format!("{target} and {} more", self.more.len());
        }
        let mut settings = BTreeMap::from([
            ("target", target),
            ("method", methods.join("/")),
            ("mode", mode.to_owned()),
            ("profile", profile),
            ("arrivals", format!("{:?}", self.arrivals)),
            ("threads", self.threads.to_string()),
            ("connections", self.connections.to_string()),
            ("timeout", show_duration(self.timeout)),
            ("engine", format!("{:?}", self.engine)),
        ]);
        settings.extend(self.route.describe());
        if self.redirects > 0 {
            settings.insert("redirects", self.redirects.to_string());
        }
        if !self.checks.is_empty() {
            settings.insert("expects", self.checks.to_string());
        }
        if self.slice != Slice::WHOLE {
            settings.insert("slice", self.slice.to_string());
        }
        if let Some(label) = &self.label {
            settings.insert("label", label.clone());
        }
        settings
    }
}
