//! Prometheus and Grafana at work: scrapes, the states of the rules, messages.

mod alerts;
mod notifier;
mod scrapes;

pub(crate) use alerts::Alerts;
pub(crate) use notifier::{Dispatcher, Message};
pub(crate) use scrapes::{Scrape, Targets};
