//! Exoscale's own description of its API.

use std::{
    env,
    path::{Path, PathBuf},
};

use reqwest::Method;
use serde_json::Value;
use test_support::openapi::Description;

/// The description of the API (in `OpenAPI` 3.0), which is too large to be part of the project. It
/// lies beside the checkout, or where `EXOSCALE_API_DESCRIPTION` says.
pub(crate) fn load() -> Option<Description> {
    let beside =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/exoscale-openapi.yaml");
    let path = env::var_os("EXOSCALE_API_DESCRIPTION").map_or(beside, PathBuf::from);
    let description = Description::read(&path).ok();
    if description.is_none() {
        assert!(
            env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_none(),
            "{} is not there",
            path.display()
        );
        eprintln!(
            "skipped: the API's description is not at {}",
            path.display()
        );
    }
    description
}

/// The id of the operation that a call is, and the schema of its answer.
pub(crate) fn answer<'a>(
    description: &'a Description,
    method: &Method,
    path: &str,
) -> (&'a str, &'a Value) {
    let operation = description.operation(method, path);
    let operation =
        operation.unwrap_or_else(|| panic!("{method} {path} is not in the API's description"));
    let answer = description.answer(operation, 200).expect("an answer");
    (
        operation.id,
        &answer["content"]["application/json"]["schema"],
    )
}

/// How an operation is called, and the schema of its body, if it has one.
pub(crate) fn request<'a>(
    description: &'a Description,
    operation: &str,
) -> Option<(Method, &'a str, &'a Value)> {
    let mut operations = description.operations();
    let (method, path, found) = operations.find(|(_, _, found)| found.id == operation)?;
    Some((method, path, description.body(found)?))
}
