//! What a person does with a local cloud that runs as a program: a seed, the log, faults.

use std::{collections::HashMap, fs, process::Stdio};

use exoscale::{
    plain_http,
    signature::{self, SignedRequest},
};
use reqwest::Method;
use serde_json::Value;
use test_support::PATIENCE;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_autoscaler");

/// A call as Exoscale's own command line makes it.
async fn exo(environment: &Variables, method: Method, path: &str, body: &str) -> Value {
    let key = environment["EXOSCALE_API_KEY"].parse().unwrap();
    let secret = environment["EXOSCALE_API_SECRET"].parse().unwrap();
    let signed = SignedRequest {
        method: method.as_str(),
        path: &format!("/v2{path}"),
        query: &[],
        body: body.as_bytes(),
    };
    let expires = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() + 600;
    let url = format!("{}{path}", environment["EXOSCALE_API_ENDPOINT"]);
    let request = plain_http::client().unwrap().request(method.clone(), url);
    let request = request
        .header(
            "authorization",
            signature::sign(&key, &secret, signed, expires),
        )
        .header("user-agent", "Exoscale-CLI/1.85.0 (abc) egoscale/3.1.31")
        .body(body.to_owned());
    request.send().await.unwrap().json().await.unwrap()
}

type Variables = HashMap<String, String>;

/// `autoscaler local-cloud` with these arguments, in a shell with these variables.
async fn local_cloud(arguments: &str, environment: &Variables) -> (i32, String) {
    let mut command = Command::new(PROGRAM);
    command.arg("local-cloud").args(arguments.split(' '));
    let output = command
        .env_clear()
        .envs(environment)
        .output()
        .await
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    (output.status.code().unwrap(), text)
}

#[tokio::test]
async fn a_person_seeds_it_reads_who_changed_what_and_makes_it_fail() {
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seed.toml");
    fs::write(&seed, "[[instance-pool]]\nname = 'web'\nsize = 2\n").unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["local-cloud", "--listen", "127.0.0.1:0", "--no-processes"])
        .args(["--proxy-listen", "127.0.0.1:0", "--seed"])
        .arg(&seed)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let work = async {
        let mut variables = Variables::new();
        // The pool comes last.
        while !variables.contains_key("EXOSCALE_INSTANCEPOOL_ID") {
            let line = printed.next_line().await.unwrap().expect("a line");
            if let Some((name, value)) = line.trim_start_matches("export ").split_once('=') {
                variables.insert(name.to_owned(), value.trim_matches('\'').to_owned());
            }
        }
        let path = format!("/instance-pool/{}", variables["EXOSCALE_INSTANCEPOOL_ID"]);
        let scale = format!("{path}:scale");
        exo(&variables, Method::PUT, &scale, r#"{"size":4}"#).await;
        let mut until = async |part: &str| {
            loop {
                let line = log.next_line().await.unwrap().expect("a line of the log");
                if line.contains(part) {
                    break;
                }
            }
        };
        until("INFO the seed file created pool web").await;
        until("INFO exo scaled pool web from 2 to 4").await;

        let add = "fault add get-instance-pool --status 500 --count 2";
        let (code, left) = local_cloud(add, &variables).await;
        let fault = "get-instance-pool: 2 calls to fail with status 500\n";
        assert_eq!((code, left.as_str()), (0, fault));
        let answer = exo(&variables, Method::GET, &path, "").await;
        assert!(answer["message"].as_str().unwrap().contains("as asked"));
        let (_, left) = local_cloud("fault list", &variables).await;
        assert!(left.contains("1 call to fail"), "{left}");
        let cleared = local_cloud("fault clear", &variables).await;
        assert_eq!(cleared, (0, "no faults\n".to_owned()));
        let answer = exo(&variables, Method::GET, &path, "").await;
        assert_eq!(answer["name"], "web");
        let (code, said) = local_cloud("fault add get-instance-pol", &variables).await;
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("did you mean get-instance-pool"), "{said}");
    };
    timeout(PATIENCE, work).await.expect("all of it");
}
