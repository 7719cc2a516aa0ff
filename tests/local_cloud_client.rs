//! The project's own client against the local cloud: the two sides understand each other.

mod local_cloud_support;

use autoscaler::{
    exoscale::{Client, ClientConfig, ErrorKind, models::PoolState},
    local_cloud::{Fault, FaultKind},
};
use local_cloud_support::Api;

fn client(api: &Api) -> Client {
    let endpoint = api.cloud.endpoint().parse().expect("the endpoint is a URL");
    let (key, secret) = (api.cloud.key().clone(), api.cloud.secret().clone());
    Client::new(ClientConfig::for_endpoint(endpoint, key, secret)).expect("the client starts")
}

#[tokio::test]
async fn the_client_scales_and_evicts() {
    let api = Api::unhurried().await;
    let client = client(&api);
    let stack = api.cloud.create_stack(2).await.unwrap();
    client.scale_instance_pool(stack.pool, 3).await.unwrap();
    let pool = client.get_instance_pool(stack.pool).await.unwrap();
    assert_eq!((pool.size, &pool.state), (3, &PoolState::ScalingUp));
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
