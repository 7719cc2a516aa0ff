//! `/_local/faults`: what is to misbehave.

use actix_web::HttpResponse;
use serde_json::Value;

use super::super::{
    clients::plain,
    cloud::Cloud,
    faults::{Fault, FaultKind},
    refusal::Refusal,
    sos,
};

/// The longest operation id that is looked at for what was meant.
const LONGEST: usize = 100;

/// Operations that a refusal proposes.
const PROPOSED: usize = 3;

pub(super) fn show(cloud: &Cloud) -> HttpResponse {
    HttpResponse::Ok().json(cloud.faults.left())
}

pub(super) fn replace(cloud: &Cloud, body: &[u8]) -> Result<HttpResponse, Refusal> {
    cloud.faults.set(read(body)?);
    Ok(show(cloud))
}

pub(super) fn add(cloud: &Cloud, body: &[u8]) -> Result<HttpResponse, Refusal> {
    for fault in read(body)? {
        cloud.faults.add(fault);
    }
    Ok(show(cloud))
}

pub(super) fn end(cloud: &Cloud) -> HttpResponse {
    cloud.faults.clear();
    show(cloud)
}

/// A list of faults, or one.
fn read(body: &[u8]) -> Result<Vec<Fault>, Refusal> {
    let wrong = |error: serde_json::Error| {
        Refusal::invalid("body", format!("is no list of faults: {error}"))
    };
    let faults: Vec<Fault> = match serde_json::from_slice(body).map_err(wrong)? {
        one @ Value::Object(_) => vec![serde_json::from_value(one).map_err(wrong)?],
        list => serde_json::from_value(list).map_err(wrong)?,
    };
    faults.iter().try_for_each(check)?;
    Ok(faults)
}

fn check(fault: &Fault) -> Result<(), Refusal> {
    let route = super::routes().find(|route| route.operation == fault.operation);
    let mut of_sos = sos::OPERATIONS.iter().map(|(operation, _)| *operation);
    let is_of_sos = of_sos.any(|operation| operation == fault.operation);
    if route.is_none() && !is_of_sos && fault.operation != "*" {
        let problem = unserved(&fault.operation);
        return Err(Refusal::invalid("operation", problem));
    }
    let is_error = |status: u16| (400..=599).contains(&status);
    if fault.status.is_some_and(|status| !is_error(status)) {
        return Err(Refusal::invalid("status", "must be from 400 to 599"));
    }
    let changes = route.is_some_and(|route| route.method != "GET");
    if fault.kind == FaultKind::FailOperation && !changes {
        let problem = "must be one that changes something, for fail-operation";
        return Err(Refusal::invalid("operation", problem));
    }
    if fault.kind == FaultKind::EditAnswer && is_of_sos {
        let problem = "must be one of the API, whose answers are JSON, for edit-answer";
        return Err(Refusal::invalid("operation", problem));
    }
    if let Some(edit) = fault.edits.iter().find(|edit| !edit.is_well_formed()) {
        let problem = format!(
            "{:?} is no JSON pointer such as /services/*/name",
            edit.path
        );
        return Err(Refusal::invalid("edits.path", problem));
    }
    if fault.kind == FaultKind::EditAnswer && fault.edits.is_empty() {
        return Err(Refusal::invalid("edits", "must name at least one change"));
    }
    Ok(())
}

/// Says that there is no such operation, and which one was probably meant.
fn unserved(name: &str) -> String {
    let problem = format!(
        "{:?} is not an operation that is served",
        plain(name, LONGEST)
    );
    match near(name).as_slice() {
        [] => format!("{problem}; GET /_local/operations lists all"),
        near => format!("{problem}; did you mean {}?", near.join(" or ")),
    }
}

/// Operations whose id has all the words of a name, or is written alike; the nearest first.
fn near(name: &str) -> Vec<&'static str> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let words: Vec<_> = name.split(|c: char| !c.is_alphanumeric()).collect();
    let words = words.iter().filter(|word| !word.is_empty());
    let rank = |operation: &'static str| {
        let mut words = words.clone().peekable();
        let has_all = words.peek().is_some() && words.all(|word| operation.contains(word));
        let distance = strsim::levenshtein(operation, name);
        // Something that is half different is not what was meant.
        let is_near = has_all || distance * 2 <= name.len();
        is_near.then_some((!has_all, distance, operation))
    };
    let mut near: Vec<_> = super::operations_with_sos().filter_map(rank).collect();
    near.sort_unstable();
    // Where some have all the words, none else was meant.
    let best = near.first().map(|(has_not_all, _, _)| *has_not_all);
    near.retain(|(has_not_all, _, _)| Some(*has_not_all) == best);
    let near = near.into_iter().take(PROPOSED);
    near.map(|(_, _, operation)| operation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_operation_leads_to_the_right_one() {
        for (wrong, right) in [
            ("get-instance-pol", "get-instance-pool"),
            ("get_instance_pool", "get-instance-pool"),
            ("get-pool", "get-instance-pool"),
            ("scale-pool", "scale-instance-pool"),
            ("list-operation", "get-operation"),
            ("Get-Operation", "get-operation"),
        ] {
            assert_eq!(near(wrong).first(), Some(&right), "{wrong}");
        }
        for nothing in ["", "-", "make-coffee", &"x".repeat(5000)] {
            assert_eq!(near(nothing), Vec::<&str>::new());
        }
        assert!(unserved("get-pool").ends_with("did you mean get-instance-pool?"));
    }
}
