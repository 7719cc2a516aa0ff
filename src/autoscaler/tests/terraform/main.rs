//! The published Terraform provider, unmodified, applies the stack of `terraform/` to a local
//! cloud, and stacks as others write them.
//!
//! Needs `terraform` on PATH and the provider's program, which `AUTOSCALER_TERRAFORM_PROVIDER`
//! names (`scripts/go-tool.sh terraform/provider` builds it). Without them the tests say so and
//! pass, unless `AUTOSCALER_REQUIRE_PROGRAMS` is set.

mod bad_input;
mod cloud;
mod debian;
mod foreign;
mod load_fleet;
mod modules;
mod stack;
mod trouble;
mod whole_life;
