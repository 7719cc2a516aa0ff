//! What is wrong is said, and nothing is made of it.

use super::stack;

#[tokio::test]
async fn mistakes_are_named() {
    let Some((cloud, mut stack)) = stack::start().await else {
        return;
    };
    let secret = cloud.variable("TF_VAR_exoscale_secret").to_owned();

    stack.set_variable("TF_VAR_exoscale_secret", &"x".repeat(43));
    stack
        .run(&["plan", "-no-color"])
        .await
        .failed("the signature does not match the request");
    stack.set_variable("TF_VAR_exoscale_secret", &secret);
    stack.set_variable("TF_VAR_exoscale_key", "EXO0123456789abcdef");
    stack
        .run(&["plan", "-no-color"])
        .await
        .failed("EXO0123456789abcdef");
    let key = cloud.variable("TF_VAR_exoscale_key");
    stack.set_variable("TF_VAR_exoscale_key", key);

    for (variable, said) in [
        (
            "-var=monitoring_template=no-such-image",
            "resource not found with data.exoscale_template.monitoring",
        ),
        ("-var=exoscale_zone=mars-1", "Unknown zone"),
        ("-var=min_size=0", "A pool has at least one instance"),
        ("-var=pool_instance_type=standard.enormous", "enormous"),
    ] {
        let ended = stack.apply(&[variable]).await;
        assert_eq!(ended.code, Some(1), "{variable}: {}", ended.text);
        ended.failed(said);
    }
    stack.destroy().await.well();
    cloud.assert_empty().await;
    cloud.stop().await;
}
