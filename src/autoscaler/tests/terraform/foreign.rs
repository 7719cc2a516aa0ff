//! Stacks as others write them: each is applied, planned empty, changed, and destroyed.

use serde_json::Value;

use super::stack::{self, Stack};

const CHANGED: &str = "-var=changed=true";

/// From nothing to nothing, by both of a stack's states.
async fn lives(name: &str) {
    let Some((cloud, mut stack)) = stack::start_named(name).await else {
        return;
    };
    stack.run(&["validate", "-no-color"]).await.well();
    stack.apply(&[]).await.well();
    stack.assert_nothing_to_do().await;

    let text = stack.apply(&[CHANGED]).await.well();
    assert!(!text.contains("No changes"), "it has one state: {text}");
    stack.set_variable("TF_VAR_changed", "true");
    stack.assert_nothing_to_do().await;

    stack.destroy().await.well();
    cloud.assert_empty().await;
    cloud.stop().await;
}

macro_rules! stacks {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                lives(stringify!($name)).await;
            }
        )*

        #[test]
        fn each_stack_is_tried() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/terraform/stacks");
            let files = std::fs::read_dir(folder).expect("it is there").map(|file| {
                file.expect("it can be listed").file_name().into_string().expect("a name")
            });
            let names = files.filter_map(|file| Some(file.strip_suffix(".tf")?.to_owned()));
            let mut names: Vec<_> = names.collect();
            names.sort();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

stacks! {
    anti_affinity
    elastic_ip
    encoded_user_data
    https_check
    iam_roles
    instance_stops_and_grows
    ipv6
    named_things
    pool_behind_load_balancer
    private_network
    scaled_by_others
    two_pools
}

/// The id of a resource in the state.
async fn id(stack: &Stack, address: &str) -> String {
    let text = stack.run(&["show", "-json"]).await.well();
    let state: Value = serde_json::from_str(&text).expect("a JSON value");
    let resources = state["values"]["root_module"]["resources"].as_array();
    let mut resources = resources.expect("there are some").iter();
    let found = resources.find(|resource| resource["address"] == address);
    let id = found.and_then(|resource| resource["values"]["id"].as_str());
    id.unwrap_or_else(|| panic!("{address} has an id: {text}"))
        .to_owned()
}

#[tokio::test]
async fn what_is_there_can_be_imported() {
    let Some((cloud, stack)) = stack::start_named("pool_behind_load_balancer").await else {
        return;
    };
    stack.apply(&[]).await.well();
    let balancer = id(&stack, "exoscale_nlb.web").await;
    let addresses = [
        "exoscale_instance_pool.web",
        "exoscale_nlb.web",
        "exoscale_nlb_service.http",
        "exoscale_security_group.web",
    ];
    for address in addresses {
        let mut name = id(&stack, address).await;
        if address.starts_with("exoscale_nlb_service") {
            name = format!("{balancer}/{name}");
        }
        if !address.starts_with("exoscale_security_group") {
            name.push_str("@at-vie-1");
        }
        stack.run(&["state", "rm", address]).await.well();
        stack
            .run(&["import", "-no-color", address, &name])
            .await
            .well();
    }
    stack.assert_nothing_to_do().await;
    stack.destroy().await.well();
    cloud.assert_empty().await;
    cloud.stop().await;
}
