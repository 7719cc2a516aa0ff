//! What the agent shows over HTTP: its page, the page's live stream, `/metrics`, `/healthz`,
//! `/decisions`, `/status` and `/sd`. It only reads the agent's read model.

mod connections;
mod page;
mod protection;
mod routes;
mod server;

pub(crate) use protection::Reads;
pub use server::{Server, serve};
