//! What is read, and how it is read when the API sends less or other than its description says.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

const ID: &str = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";

#[track_caller]
fn read<T: DeserializeOwned>(document: Value) -> T {
    serde_json::from_value(document).expect("it is read")
}

/// Values that stand for "nothing" or that nobody knows.
fn strange() -> Vec<Value> {
    vec![
        Value::Null,
        json!(""),
        json!("no-such-thing"),
        json!(7),
        json!({}),
    ]
}

#[test]
fn a_verdict_that_is_not_success_is_not_healthy_and_never_spoils_the_read() {
    let status = |entry: Value| {
        let services = json!([{ "id": ID, "healthcheck-status": [entry] }]);
        let balancer: LoadBalancer = read(json!({ "id": ID, "services": services }));
        balancer.services[0].healthcheck_status[0].clone()
    };
    let ip = "127.0.1.1";
    let absent = status(json!({ "public-ip": ip }));
    assert!(absent.status.is_unsaid() && absent.public_ip.is_some());
    for value in strange() {
        let seen = status(json!({ "public-ip": ip, "status": value }));
        assert_ne!(seen.status, HealthStatus::Success, "{value}");
        assert!(seen.public_ip.is_some());
        let seen = status(json!({ "public-ip": value, "status": "success" }));
        assert_eq!(seen.status, HealthStatus::Success);
        assert_eq!(seen.public_ip, None, "{value}");
    }
    let written = serde_json::to_value(&absent).unwrap();
    assert_eq!(written, json!({ "public-ip": ip }), "nothing is made up");
}

#[test]
fn null_in_the_place_of_a_list_is_an_empty_list() {
    let pool: InstancePool =
        read(json!({ "id": ID, "size": 2, "state": "running", "instances": null }));
    assert_eq!(pool.instances, []);
    let list: InstanceList = read(json!({ "instances": null }));
    assert_eq!(list.instances, []);
    let balancer: LoadBalancer = read(json!({ "id": ID, "services": null }));
    assert_eq!(balancer.services, []);
    let service = json!({ "id": ID, "name": null, "port": null, "healthcheck-status": null });
    let service: LoadBalancerService = read(service);
    assert_eq!(service.healthcheck_status, []);
    let instance: Instance =
        read(json!({ "id": ID, "private-networks": null, "labels": null, "name": null }));
    assert!(instance.private_networks.is_empty() && instance.labels.is_empty());
}

#[test]
fn a_document_that_is_no_list_is_no_empty_list() {
    for document in [
        json!({}),
        json!({ "items": [] }),
        json!({ "instances": "none" }),
    ] {
        let list = serde_json::from_value::<InstanceList>(document.clone());
        assert!(list.is_err(), "{document}");
    }
    // Nor is a list with something in it that is no instance.
    for member in [Value::Null, json!({}), json!({ "id": null }), json!("x")] {
        let list = serde_json::from_value::<InstanceList>(json!({ "instances": [member] }));
        assert!(list.is_err(), "{member}");
    }
    let sizeless = json!({ "id": ID, "state": "running" });
    assert!(serde_json::from_value::<InstancePool>(sizeless).is_err());
}

#[test]
fn a_state_that_nobody_knows_is_not_running() {
    let state = |value: Value| read::<InstancePool>(json!({ "id": ID, "size": 2, "state": value }));
    for value in strange() {
        assert_ne!(state(value.clone()).state, PoolState::Running, "{value}");
        let instance: Instance = read(json!({ "id": ID, "state": value }));
        assert!(matches!(instance.state, InstanceState::Other(_)), "{value}");
        assert!(!instance.state.is_leaving());
    }
    assert_eq!(
        state(json!("hibernating")).state,
        PoolState::Other("hibernating".to_owned())
    );
    let unsaid: InstancePool = read(json!({ "id": ID, "size": 2 }));
    assert!(unsaid.state.is_unsaid());
}

#[test]
fn a_degraded_pool_says_why() {
    let reason = |value: Value| {
        let pool = json!({ "id": ID, "size": 3, "state": "degraded", "error-reason": value });
        let pool: InstancePool = read(pool);
        assert_eq!(pool.state, PoolState::Degraded);
        pool.error_reason
    };
    let said = json!({ "type": "quota-exceeded", "message": "20 instances allowed" });
    let said = reason(said).unwrap();
    assert_eq!(said.kind.as_deref(), Some("quota-exceeded"));
    assert_eq!(said.to_string(), "quota-exceeded: 20 instances allowed");
    assert!(said.is_capacity());
    let fault = reason(json!({ "type": "fault", "message": null, "since": 1 })).unwrap();
    assert_eq!(
        (fault.message.as_deref(), fault.is_capacity()),
        (None, false)
    );
    let text = reason(json!("No hypervisor available")).unwrap();
    assert!(text.is_capacity() && text.to_string().starts_with("No hyper"));
    for value in [Value::Null, json!(7), json!([])] {
        assert_eq!(reason(value.clone()), None, "{value}");
    }
    let pool: InstancePool = read(json!({ "id": ID, "size": 3, "state": "degraded" }));
    assert_eq!(pool.error_reason, None);
}

#[test]
fn a_member_comes_with_its_addresses_and_its_age_if_they_are_said() {
    let member: Instance = read(json!({
        "id": ID, "state": "running", "created-at": "2026-11-24T10:00:00Z",
        "public-ip": "192.0.2.7", "ipv6-address": "2001:db8::7",
        "public-ip-assignment": "dual",
        "private-networks": [{ "id": ID, "mac-address": "0a:aa:bb:cc:dd:ee" }],
        "manager": { "id": ID, "type": "instance-pool" },
    }));
    assert!(member.created_at.is_some() && member.manager.is_some());
    assert_eq!(member.public_ip, "192.0.2.7".parse().ok());
    assert_eq!(member.ipv6_address, "2001:db8::7".parse().ok());
    assert_eq!(member.private_networks[0].id.to_string(), ID);
    for value in strange() {
        let member: Instance = read(json!({
            "id": ID, "state": "running", "created-at": value, "public-ip": value,
            "ipv6-address": value, "manager": value, "labels": value,
        }));
        assert_eq!(
            (member.created_at, member.public_ip),
            (None, None),
            "{value}"
        );
        assert_eq!(
            (member.ipv6_address, member.manager),
            (None, None),
            "{value}"
        );
    }
}
