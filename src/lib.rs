//! Chooses the size of an Exoscale instance pool, and everything needed to show that it does.
//!
//! The modules are rooms; imports go down this list only (see `ARCHITECTURE.md`):
//! [`policy`], [`exoscale`], [`agent`], [`dashboard`], [`slow_app`], [`local_cloud`], [`demo`].

pub mod demo;
pub mod exoscale;
pub mod slow_app;
