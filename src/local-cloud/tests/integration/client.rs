//! The project's own client against the local cloud: the two sides understand each other.

use std::time::Duration;

use exoscale::{
    Client, ClientConfig, ErrorKind,
    models::{HealthStatus, InstancePool, InstanceState, PoolState},
};
use local_cloud::{Edit, Fault, FaultKind, Stack};
use reqwest::Method;
use serde_json::{Map, Value, json};
use test_support::{Api, PATIENCE};
use tokio::time::{Instant, sleep};

fn config(api: &Api) -> ClientConfig {
    let endpoint = api.cloud.endpoint().parse().expect("the endpoint is a URL");
    let (key, secret) = (api.cloud.key().clone(), api.cloud.secret().clone());
    ClientConfig::for_endpoint(endpoint, key, secret)
}

fn client(api: &Api) -> Client {
    Client::new(config(api)).expect("the client starts")
}

/// The pool, as soon as the client sees it in this state.
async fn until_state(client: &Client, stack: &Stack, state: PoolState) -> InstancePool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let pool = client.get_instance_pool(stack.pool).await.unwrap();
        if pool.state == state {
            return pool;
        }
        assert!(Instant::now() < deadline, "never {state:?}: {pool:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A stack whose members run, with further fields of the pool.
async fn stack_with(api: &Api, size: u32, further: Value) -> Stack {
    let further: Map<String, Value> = serde_json::from_value(further).unwrap();
    let stack = api.cloud.create_stack_with(size, further).await.unwrap();
    api.until("members run", |status| {
        let mut members = status.pools[0].members.iter();
        members.all(|member| member.state == InstanceState::Running)
    })
    .await;
    stack
}

#[tokio::test]
async fn the_client_scales_and_evicts() {
    let api = Api::unhurried().await;
    let client = client(&api);
    let stack = api.cloud.create_stack(2).await.unwrap();
    client.scale_instance_pool(stack.pool, 3).await.unwrap();
    let pool = client.get_instance_pool(stack.pool).await.unwrap();
    assert_eq!((pool.size, &pool.state), (3, &PoolState::ScalingUp));
    let busy = Fault::fail("scale-instance-pool", 1, 409, "the instance-pool is busy");
    api.cloud.faults().add(busy);
    let refused = client.scale_instance_pool(stack.pool, 4).await.unwrap_err();
    assert!(
        matches!(refused.kind, ErrorKind::Conflict { .. }),
        "{refused}"
    );

    api.until("the pool at rest", |status| {
        status.pools[0].state == PoolState::Running
    })
    .await;
    let victim = client.list_pool_members(stack.pool).await.unwrap()[1].id;
    client
        .evict_instance_pool_members(stack.pool, &[victim])
        .await
        .unwrap();
    let status = api
        .until("the eviction", |status| {
            status.pools[0].state == PoolState::Running && status.pools[0].members.len() == 2
        })
        .await;
    assert!(
        status.pools[0]
            .members
            .iter()
            .all(|member| member.id != victim)
    );

    let refused = client
        .scale_instance_pool(stack.pool, 1000)
        .await
        .unwrap_err();
    assert!(
        matches!(refused.kind, ErrorKind::Capacity { .. }),
        "{refused}"
    );
    let balancer = client.get_load_balancer(stack.balancer).await.unwrap();
    assert_eq!(balancer.services[0].target_port, 8080);
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_write_without_an_answer_is_ambiguous_for_the_client() {
    let api = Api::without_processes().await;
    let client = client(&api);
    let stack = api.cloud.create_stack(1).await.unwrap();
    api.cloud.faults().add(Fault::new(
        "scale-instance-pool",
        1,
        FaultKind::ApplyWithoutAnswer,
    ));
    let error = client.scale_instance_pool(stack.pool, 2).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error}");
    assert_eq!(client.get_instance_pool(stack.pool).await.unwrap().size, 2);
    assert_eq!(
        api.cloud.status().calls["scale-instance-pool"],
        1,
        "it is not repeated blindly"
    );
    api.cloud.stop().await;
}

#[actix_rt::test]
async fn it_runs_embedded_in_an_actix_system() {
    let api = Api::without_processes().await;
    let stack = api.cloud.create_stack(2).await.unwrap();
    let members = client(&api).list_pool_members(stack.pool).await.unwrap();
    assert_eq!(members.len(), 2);
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_size_that_is_taken_without_members_to_be_had_leaves_the_pool_degraded() {
    let api = Api::without_processes().await;
    let client = client(&api);
    let stack = api.cloud.create_stack(2).await.unwrap();
    let reason = json!({ "type": "quota-exceeded", "message": "20 instances allowed" });
    let set = api.local(Method::PUT, "/shortage", Some(reason)).await;
    assert_eq!(set.status, 200);

    let operation = client.scale_instance_pool(stack.pool, 3).await.unwrap();
    client.wait(operation, PATIENCE).await.unwrap();
    let pool = until_state(&client, &stack, PoolState::Degraded).await;
    assert_eq!((pool.size, pool.instances.len()), (3, 2));
    assert!(pool.error_reason.is_some_and(|reason| reason.is_capacity()));
    assert_eq!(client.list_pool_members(stack.pool).await.unwrap().len(), 2);

    // Wanting no more than there is ends it; so does the end of the shortage.
    client.scale_instance_pool(stack.pool, 2).await.unwrap();
    let pool = until_state(&client, &stack, PoolState::Running).await;
    assert_eq!((pool.size, pool.error_reason), (2, None));
    client.scale_instance_pool(stack.pool, 4).await.unwrap();
    until_state(&client, &stack, PoolState::Degraded).await;
    api.local(Method::DELETE, "/shortage", None).await;
    let pool = until_state(&client, &stack, PoolState::Running).await;
    assert_eq!(pool.instances.len(), 4);
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_member_that_cannot_be_replaced_leaves_the_pool_degraded() {
    let api = Api::without_processes().await;
    let client = client(&api);
    let stack = api.cloud.create_stack(2).await.unwrap();
    let reason = json!({ "message": "No hypervisor available" });
    let reason = serde_json::from_value(reason).unwrap();
    api.cloud.set_shortage(Some(reason));
    let member = client.list_pool_members(stack.pool).await.unwrap()[0].id;
    let gone = api.delete(&format!("/instance/{member}")).await;
    api.done(gone).await;
    let pool = until_state(&client, &stack, PoolState::Degraded).await;
    assert_eq!(pool.size, 2);
    let reason = pool.error_reason.expect("a reason");
    assert_eq!(reason.to_string(), "No hypervisor available");
    api.cloud.set_shortage(None);
    let pool = until_state(&client, &stack, PoolState::Running).await;
    assert_eq!(pool.instances.len(), 2);
    api.cloud.stop().await;
}

#[tokio::test]
async fn an_order_that_is_taken_can_still_fail() {
    let api = Api::without_processes().await;
    let client = client(&api);
    let stack = api.cloud.create_stack(1).await.unwrap();
    for (reason, message, is_capacity) in [
        ("unavailable", "no hypervisor", true),
        ("forbidden", "Maximum number of instances exceeded", true),
        ("fault", "internal error", false),
    ] {
        api.cloud.faults().add(Fault {
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            ..Fault::new("scale-instance-pool", 1, FaultKind::FailOperation)
        });
        let operation = client.scale_instance_pool(stack.pool, 2).await.unwrap();
        let error = client.wait(operation, PATIENCE).await.unwrap_err();
        assert_eq!(error.is_capacity(), is_capacity, "{error}");
        assert!(!error.is_certainly_not_applied(), "it was taken: {error}");
        assert_eq!(client.get_instance_pool(stack.pool).await.unwrap().size, 1);
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_balancer_that_does_not_say_how_its_servers_are_can_be_read() {
    let api = Api::without_processes().await;
    let client = client(&api);
    let stack = stack_with(&api, 2, json!({})).await;
    let status = "/services/*/healthcheck-status/*/status";
    let list = "/services/*/healthcheck-status";
    for (edit, servers) in [
        (Edit::remove(status), 2),
        (Edit::set(status, Value::Null), 2),
        (Edit::set(status, "pondering"), 2),
        (Edit::set(list, Value::Null), 0),
        (Edit::set("/services", Value::Null), 0),
    ] {
        let shown = format!("{edit:?}");
        let edited = Fault::edit("get-load-balancer", 1, vec![edit]);
        api.cloud.faults().add(edited);
        let balancer = client.get_load_balancer(stack.balancer).await.unwrap();
        let services = balancer.services.iter();
        let seen: Vec<_> = services.flat_map(|s| &s.healthcheck_status).collect();
        assert_eq!(seen.len(), servers, "{shown}");
        let well = seen.iter().filter(|s| s.status == HealthStatus::Success);
        assert_eq!(well.count(), 0, "{shown}");
        assert!(seen.iter().all(|server| server.public_ip.is_some()));
    }
    let path = format!("/load-balancer/{}", stack.balancer);
    assert_eq!(api.delete(&path).await.status, 200);
    api.until("it is gone", |status| status.balancers.is_empty())
        .await;
    let error = client.get_load_balancer(stack.balancer).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::NotFound { .. }), "{error}");
    api.cloud.stop().await;
}

#[tokio::test]
async fn members_have_the_addresses_that_their_pool_assigns() {
    for (assignment, is_public, has_ipv6) in [
        ("inet4", true, false),
        ("dual", true, true),
        ("none", false, false),
    ] {
        let api = Api::without_processes().await;
        let further = json!({ "public-ip-assignment": assignment });
        let stack = stack_with(&api, 2, further).await;
        let members = client(&api).list_pool_members(stack.pool).await.unwrap();
        for member in members {
            assert_eq!(member.state, InstanceState::Running);
            assert_eq!(member.public_ip.is_some(), is_public, "{assignment}");
            assert_eq!(member.ipv6_address.is_some(), has_ipv6, "{assignment}");
            assert_eq!(member.private_ip, None);
        }
        api.cloud.stop().await;
    }
}

#[tokio::test]
async fn private_addresses_are_one_call_for_each_network() {
    let api = Api::without_processes().await;
    let network = async |name: &str, managed: bool| {
        let mut body = json!({ "name": name });
        if managed {
            body["start-ip"] = json!("10.0.0.10");
            body["end-ip"] = json!("10.0.0.250");
            body["netmask"] = json!("255.255.255.0");
        }
        api.done(api.post("/private-network", body).await).await
    };
    // Only the second one leases addresses.
    let networks = [
        network("plain", false).await,
        network("managed", true).await,
    ];
    let further = json!({
        "public-ip-assignment": "none",
        "private-networks": networks.map(|id| json!({ "id": id })),
    });
    let stack = stack_with(&api, 5, further).await;
    let asking = client(&api).with_private_addresses();
    let members = asking.list_pool_members(stack.pool).await.unwrap();
    let status = api.cloud.status();
    for member in &members {
        let mut known = status.pools[0].members.iter();
        let known = known.find(|known| known.id == member.id).unwrap();
        assert_eq!(
            (member.public_ip, member.private_ip),
            (None, Some(known.ip))
        );
    }
    assert_eq!(members.len(), 5);
    let calls = (
        status.calls["list-instances"],
        status.calls["get-private-network"],
    );
    assert_eq!(calls, (1, 2));
    // Half an answer would be a lie: what the leases cannot tell is no list.
    let gone = Fault::fail("get-private-network", 1, 404, "not found");
    api.cloud.faults().add(gone);
    let asking = client(&api).with_private_addresses();
    let error = asking.list_pool_members(stack.pool).await;
    assert!(error.is_err(), "{error:?}");
    api.cloud.stop().await;
}

#[tokio::test]
async fn what_a_balancer_needs_is_locked() {
    let api = Api::without_processes().await;
    let client = client(&api);
    let stack = api.cloud.create_stack(1).await.unwrap();
    let path = format!("/instance-pool/{}", stack.pool);
    api.delete(&path).await.refused(403, "Locked by NLB");
    let locked =
        "Operation scaleInstancePool on resource 0c1b is forbidden - reason: Locked by NLB";
    let locked = Fault::fail("scale-instance-pool", 1, 403, locked);
    api.cloud.faults().add(locked);
    let error = client.scale_instance_pool(stack.pool, 2).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Conflict { .. }), "{error}");
    assert!(error.is_retryable() && error.is_certainly_not_applied());
    client.scale_instance_pool(stack.pool, 2).await.unwrap();
    api.cloud.stop().await;
}

#[tokio::test]
async fn any_operation_can_ask_to_be_left_alone() {
    for (kind, status) in [(FaultKind::RateLimit, None), (FaultKind::Fail, Some(503))] {
        let api = Api::without_processes().await;
        let client = client(&api);
        let stack = api.cloud.create_stack(1).await.unwrap();
        api.cloud.faults().add(Fault {
            status,
            retry_after_s: Some(600),
            ..Fault::new("*", 1, kind)
        });
        let first = client.get_load_balancer(stack.balancer).await.unwrap_err();
        assert_eq!(first.retry_after(), Some(Duration::from_secs(600)));
        let next = client.get_instance_pool(stack.pool).await.unwrap_err();
        assert!(matches!(next.kind, ErrorKind::Paused { .. }), "{next}");
        let calls = api.cloud.status().calls;
        assert_eq!(calls.get("get-instance-pool"), None, "it was not sent");
        api.cloud.stop().await;
    }
}
