//! The local cloud as a program, called over HTTP: what its instances make of user-data.

use std::{collections::HashMap, process::Stdio, time::Duration};

use exoscale::{
    plain_http,
    signature::{self, SignedRequest},
};
use local_cloud::catalog;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use test_support::{PATIENCE, new_pool};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

/// `#cloud-config` and `package_upgrade: true`, in base64.
const CLOUD_CONFIG: &str = "I2Nsb3VkLWNvbmZpZwpwYWNrYWdlX3VwZ3JhZGU6IHRydWUK";

/// `#!/bin/bash` and `exit 1`.
const SCRIPT: &str = "IyEvYmluL2Jhc2gKZXhpdCAxCg==";

/// A document for the slow app with the setting `wrk_ms`.
const MISTAKEN: &str =
    "eyJ2ZXJzaW9uIjoxLCJyb2xlIjoic2xvdy1hcHAiLCJzbG93X2FwcCI6eyJ3cmtfbXMiOjV9fQ==";

/// A local cloud as a program, and the variables that it prints.
pub(crate) async fn program(further: &str) -> (Child, HashMap<String, String>) {
    let arguments =
        format!("local-cloud --listen 127.0.0.1:0 --proxy-listen 127.0.0.1:0 --speed 20{further}");
    let mut child = Command::new(env!("CARGO_BIN_EXE_autoscaler"))
        .args(arguments.split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut variables = HashMap::new();
    let read = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let variable = line.trim_start_matches("export ").split_once('=');
            if let Some((name, value)) = variable {
                variables.insert(name.to_owned(), value.trim_matches('\'').to_owned());
            }
            // One of the last ones.
            if variables.contains_key("CHECKPOINT_DISABLE") {
                break;
            }
        }
    };
    timeout(PATIENCE, read).await.expect("it prints variables");
    // What it prints further goes to the pipe, which must stay open.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, variables)
}

/// A call of the local cloud that was started as a program.
async fn call(
    variables: &HashMap<String, String>,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Value {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let signed = SignedRequest {
        method: method.as_str(),
        path: &format!("/v2{path}"),
        query: &[],
        body: body.as_bytes(),
    };
    let (key, secret) = (
        variables["EXOSCALE_API_KEY"].parse().unwrap(),
        variables["EXOSCALE_API_SECRET"].parse().unwrap(),
    );
    let expires = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() + 600;
    let authorization = signature::sign(&key, &secret, signed, expires);
    let url = format!("{}{path}", variables["EXOSCALE_API_ENDPOINT"]);
    let http = plain_http::client().unwrap();
    let request = http.request(method, url).body(body);
    let reply = test_support::read(request.header("authorization", authorization)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// The status, as soon as all members and instances have ended their boot.
async fn booted(variables: &HashMap<String, String>) -> Value {
    let url = variables["EXOSCALE_API_ENDPOINT"].replace("/v2", "/_local/status");
    let http = plain_http::client().unwrap();
    let work = async {
        loop {
            let status: Value = http.get(&url).send().await.unwrap().json().await.unwrap();
            let members = status["pools"][0]["members"].as_array().unwrap();
            let mut all = members
                .iter()
                .chain(status["instances"].as_array().unwrap());
            if all.all(|one| one["state"] != "starting") {
                break status;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, work).await.expect("they boot")
}

#[tokio::test]
async fn user_data_of_other_programs_leaves_a_plain_server() {
    let (mut child, variables) = program("").await;
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut pool = new_pool(2);
    pool["user-data"] = json!(CLOUD_CONFIG);
    call(&variables, Method::POST, "/instance-pool", Some(pool)).await;
    // Also on the image that cannot do without its document.
    for (template, user_data) in [(1, CLOUD_CONFIG), (0, SCRIPT)] {
        let body = json!({
            "name": "other",
            "template": { "id": catalog::TEMPLATES[template].core.id },
            "instance-type": { "id": catalog::INSTANCE_TYPES[0].core.id },
            "disk-size": 10,
            "user-data": user_data,
        });
        call(&variables, Method::POST, "/instance", Some(body)).await;
    }
    let status = booted(&variables).await;
    let pool = &status["pools"][0];
    assert_eq!(pool["ignored_user_data"], "cloud-config");
    let members = pool["members"].as_array().unwrap().iter();
    let http = plain_http::client().unwrap();
    for one in members.chain(status["instances"].as_array().unwrap()) {
        assert_eq!(one["state"], "running", "{one}");
        let url = format!("http://{}:8080/health", one["ip"].as_str().unwrap());
        let answered = async {
            while http.get(&url).send().await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, answered).await.expect("it serves");
    }
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    let mut said = Vec::new();
    while let Some(line) = log.next_line().await.unwrap() {
        said.push(line);
    }
    let ignored = said.iter().filter(|line| line.contains("plain server"));
    assert_eq!(ignored.count(), 3, "once for the pool: {said:#?}");
}

#[tokio::test]
async fn a_mistake_in_the_projects_own_document_is_not_ignored_but_told() {
    let (mut child, variables) = program("").await;
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut pool = new_pool(1);
    pool["user-data"] = json!(MISTAKEN);
    call(&variables, Method::POST, "/instance-pool", Some(pool)).await;
    let told = async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("ended on its own") {
                return line;
            }
        }
        panic!("it ended first");
    };
    let line = timeout(PATIENCE, told).await.expect("the log says it");
    assert!(line.contains("slow_app.wrk_ms: unknown field"), "{line}");
    let status = booted(&variables).await;
    assert_eq!(status["pools"][0]["ignored_user_data"], Value::Null);
}

#[tokio::test]
async fn what_a_shell_needs_is_waited_for_while_the_cloud_makes_it() {
    let cloud = MockServer::start().await;
    let asked = || Mock::given(path("/_local/environment"));
    let still = ResponseTemplate::new(503);
    asked()
        .respond_with(still)
        .up_to_n_times(2)
        .mount(&cloud)
        .await;
    let ready = ResponseTemplate::new(200).set_body_string("export A='1'\n");
    asked().respond_with(ready).mount(&cloud).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_autoscaler"));
    let listen = cloud.address().to_string();
    let output = command
        .args(["local-cloud", "env", "--listen", &listen])
        .output();
    let output = output.await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.stdout, b"export A='1'\n");
}
