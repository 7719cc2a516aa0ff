//! The plain files of the monitoring host (`nixos/prometheus.yml`, `nixos/grafana/`,
//! `nixos/https/`), checked with the programs that read them where these are installed.

mod alert_rules;
mod dashboard_counts;
mod dashboards;
mod files;
mod https_certificate;
mod install;
mod notifications;
mod promtool;
mod served_metrics;
