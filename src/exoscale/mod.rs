//! The Exoscale API v2: request signature, models and client.
//!
//! The models serve both sides: the client reads with them, the local cloud answers with them.
//! Authority for every path, field and bound: <https://openapi-v2.exoscale.com>.

pub mod ids;
pub mod models;
