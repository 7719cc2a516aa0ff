//! An application that begins to serve `/drain`.

use std::{fs, time::Duration};

use super::{Own, page, run};
use crate::agent_support::{Agent, PATIENCE};

/// What the page tells others to copy works: the health check sees it, and the agent waits for it.
#[tokio::test]
async fn the_pages_drain_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, file) = (include_str!("shop.py"), folder.path().join("shop.py"));
    let drain = page::code("python");
    let serves = "class Shop(http.server.BaseHTTPRequestHandler):";
    assert!(
        shop.contains(serves),
        "the page's class takes this one's place"
    );
    let shop = shop.replace("class Shop(", "class Plain(");
    let shop = shop.replace("class NodeExporter(Shop)", "class NodeExporter(Plain)");
    let shop = shop.replace(
        "\nfor port, handler",
        &format!("\n{drain}\n\nfor port, handler"),
    );
    fs::write(&file, shop).unwrap();
    let Some(own) = Own::start_with(file.to_str().unwrap()).await else {
        return;
    };
    let init = run(&mut own.init(&[])).await;
    assert_eq!(init.code, Some(0), "{}", init.errors);
    let key = own.own_key().await;
    let settings = own.written("agent.toml");
    let settings = settings.replace("mode = \"none\"", "mode = \"http\"");
    let settings = settings.replace("\"recommend\"", "\"on\"");
    fs::write(own.path("autoscaler/agent.toml"), &settings).unwrap();
    let pre = own.doctor(&key, &["--pre"]).await;
    assert_eq!(pre.code, Some(0), "{}{}", pre.text, pre.errors);
    assert!(
        pre.text.contains("[ok]   each member serves /drain"),
        "{}",
        pre.text
    );

    let mut command = own.agent(&key);
    for quick in [
        "scaling.cooldown=1s",
        "scale_in.stabilisation=0s",
        "scale_in.warm_up=0s",
        "exoscale.calls_per_minute=6000",
    ] {
        command.args(["--set", quick]);
    }
    let agent = Agent::spawn(command).await;
    agent.until_healthy().await;
    let token = settings
        .lines()
        .find_map(|line| line.strip_prefix("token = "));
    let token = token.unwrap().trim_matches('"');
    // As monitoring does: on a busy machine a health check may fail, which refuses the first ones.
    let deadline = tokio::time::Instant::now() + 4 * PATIENCE;
    while own.size() > 1 {
        assert!(tokio::time::Instant::now() < deadline, "{}", agent.log());
        let request = agent.http.post(agent.url("/down")).bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status(), 200);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(
        agent.line("Members are drained.").is_some(),
        "{}",
        agent.log()
    );
    drop(agent);
    own.api.cloud.stop().await;
}
