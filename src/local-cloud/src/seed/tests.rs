use std::fs;

use serde_json::json;

use super::*;
use crate::{LocalCloud, LocalCloudConfig};

/// What a file of this name makes, or what is wrong with it.
async fn made(name: &str, text: &str) -> Result<LocalCloud, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, text).unwrap();
    let config = LocalCloudConfig::without_processes();
    let cloud = LocalCloud::start(config).await.unwrap();
    let seed = match Seed::read(&file) {
        Ok(seed) => seed.make(&cloud.cloud).await,
        Err(error) => Err(error),
    };
    match seed {
        Ok(()) => Ok(cloud),
        Err(error) => {
            cloud.stop().await;
            let folder = format!("{}/", folder.path().display());
            Err(error.to_string().replace(&folder, ""))
        }
    }
}

/// The example of the documents, where a reader finds it.
fn example() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/local-cloud.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    example.to_owned()
}

#[tokio::test]
async fn the_example_of_the_documents_makes_everything_it_lists() {
    let cloud = made("seed.toml", &example()).await.unwrap();
    let status = cloud.status();
    let pool = &status.pools[0];
    assert_eq!((pool.name.as_str(), pool.size), ("web", 2));
    assert_eq!(pool.state, exoscale::models::PoolState::Running);
    assert_eq!(status.instances[0].name, "bastion");
    let services: Vec<_> = status.balancers[0].services.iter().collect();
    assert_eq!(services.len(), 2);
    assert_eq!((services[0].name.as_str(), services[0].port), ("http", 80));
    let get = |path: &str| api::invoke(&cloud.cloud, "test", "GET", path, &Value::Null).unwrap();
    let groups = get("/security-group");
    let group = |name: &str| {
        let groups = groups["security-groups"].as_array().unwrap();
        groups
            .iter()
            .find(|group| group["name"] == name)
            .unwrap()
            .clone()
    };
    let web = group("web");
    assert_eq!(web["rules"].as_array().unwrap().len(), 2);
    assert_eq!(
        web["rules"][1]["security-group"]["id"],
        group("monitoring")["id"]
    );
    let pool = get(&format!("/instance-pool/{}", pool.id));
    assert_eq!(pool["security-groups"], json!([{ "id": web["id"] }]));
    assert_eq!(pool["ssh-keys"], json!([{ "name": "me" }]));
    assert_eq!(pool["user-data"], "I2Nsb3VkLWNvbmZpZwo=");
    cloud.stop().await;
}

#[tokio::test]
async fn json_says_the_same_and_an_id_is_a_reference_too() {
    let template = crate::catalog::TEMPLATES[0].core.id;
    let pool =
        json!({ "name": "a", "size": 1, "template": template, "instance-type": "standard.huge" });
    let cloud = made("a.json", &json!({ "instance-pool": [pool] }).to_string())
        .await
        .unwrap();
    assert_eq!(cloud.status().pools.len(), 1);
    cloud.stop().await;
}

#[tokio::test]
async fn a_key_names_its_role() {
    let text = "[[api-key]]\nname = 'agent'\nrole-id = 'reader'\n\n[[iam-role]]\nname = 'reader'\n";
    let cloud = made("seed.toml", text).await.unwrap();
    {
        let state = cloud.cloud.state();
        let key = state.access_keys.values().next().unwrap();
        assert_eq!(state.roles[&key.role].name, "reader");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_key() {
    let pool = "[[instance-pool]]\nname = 'a'\n";
    for (text, said) in [
        ("a = ", "seed.toml: line 1: is not TOML"),
        ("\n\n[[x]\n", "seed.toml: line 3: is not TOML"),
        (
            "[[instance-pol]]",
            "seed.toml: instance-pol: is no kind of resource; did you mean instance-pool?",
        ),
        ("[[zone]]", "seed.toml: zone: is no kind of resource"),
        ("size = 3", "seed.toml: size: is no kind of resource"),
        (
            "[instance-pool]\nname = 'a'",
            "instance-pool: must be a list: write [[instance-pool]]",
        ),
        ("instance-pool = [3]", "instance-pool: must be a list"),
        (pool, "seed.toml: instance-pool[0].size: is missing"),
        (
            &format!("{pool}size = 0"),
            "instance-pool[0].size: must be a whole number, at least 1",
        ),
        (
            &format!("{pool}sise = 1"),
            "instance-pool[0].sise: is not a field",
        ),
        (
            &format!("{pool}size = 1\ntemplate = 'x'"),
            "instance-pool[0].template: there is no template \"x\"; there are: ",
        ),
        (
            &format!("{pool}size = 1\nsecurity-groups = ['x']"),
            "instance-pool[0].security-groups: there is no security-group \"x\"",
        ),
        (
            &format!("{pool}size = 1\nssh-key = 'x'"),
            "instance-pool[0].ssh-key: \"x\" not found",
        ),
        (
            &format!("{pool}size = 21"),
            "instance-pool[0]: quota exceeded",
        ),
        (
            "[[security-group]]\nname = 'a'\n[[security-group]]\nname = 'a'",
            "security-group[1]: there is a security-group",
        ),
        (
            "[[security-group]]\nname = 'a'\nrules = 3",
            "security-group[0].rules: must be a list",
        ),
        (
            "[[security-group]]\nname = 'a'\nrules = [{ network = '::/0' }]",
            "security-group[0].rules[0].start-port: and end-port",
        ),
        (
            "[[load-balancer]]\nname = 'a'\nservices = [{ name = 'b', port = 80 }]",
            "load-balancer[0].services[0].instance-pool: is missing",
        ),
    ] {
        let problem = made("seed.toml", text).await.map(|_| ()).unwrap_err();
        assert!(problem.contains(said), "{problem:?} lacks {said:?}");
    }
    let problem = made("seed.json", "[]").await.map(|_| ()).unwrap_err();
    assert!(
        problem.contains("seed.json: is not a JSON object"),
        "{problem}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Seed::read(Path::new("/nowhere/seed.toml")).unwrap_err();
    assert!(
        error.to_string().contains("cannot read /nowhere/seed.toml"),
        "{error}"
    );
}
