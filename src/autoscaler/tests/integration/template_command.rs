//! `autoscaler template` registers an image once, however often it is asked.

use std::process::Stdio;

use test_support::Api;
use tokio::process::Command;

const ONE: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

async fn template(api: &Api, arguments: &[&str], checksum: &str) -> String {
    let secret = String::from_utf8_lossy(api.cloud.secret().expose()).into_owned();
    let ended = Command::new(env!("CARGO_BIN_EXE_autoscaler"))
        .args([
            "template",
            arguments[0],
            "--name",
            "monitoring-2",
            "--checksum",
            checksum,
        ])
        .args(&arguments[1..])
        .env("EXOSCALE_API_ENDPOINT", api.cloud.endpoint())
        .env("EXOSCALE_API_KEY", api.cloud.key().as_str())
        .env("EXOSCALE_API_SECRET", &secret)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    assert!(!said.contains(&secret), "{said}");
    String::from_utf8(ended.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn an_image_is_registered_once_and_removed() {
    let api = Api::without_processes().await;
    let register = ["register", "--url", "https://example.com/image.qcow2"];
    let first = template(&api, &register, ONE).await;
    assert_eq!(template(&api, &register, ONE).await, first);
    let second = template(&api, &register, OTHER).await;
    assert_ne!(second, first);
    let found = api.get(&format!("/template/{first}")).await.body;
    assert_eq!(
        (&found["checksum"], &found["boot-mode"]),
        (&ONE.into(), &"legacy".into())
    );
    assert_eq!(api.cloud.status().others["template"], 2);

    assert_eq!(template(&api, &["remove"], ONE).await, first);
    assert_eq!(template(&api, &["remove"], ONE).await, "");
    api.get(&format!("/template/{first}"))
        .await
        .refused(404, "not found");
    assert_eq!(api.cloud.status().others["template"], 1);
    api.cloud.stop().await;
}
