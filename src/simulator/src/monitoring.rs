//! Prometheus and Grafana at work: scrapes, the states of the rules, messages.

mod alerts;
mod notifier;
mod requests;
mod scrapes;

pub(crate) use alerts::{Alerts, AnyRule};
pub(crate) use notifier::{Dispatcher, Message};
pub(crate) use requests::RequestCounts;
pub(crate) use scrapes::{Scrape, Targets};
