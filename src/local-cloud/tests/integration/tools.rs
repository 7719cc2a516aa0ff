//! What a person uses to look at a local cloud and to make it misbehave: the page, the last calls,
//! the clock, and that nobody else can.

use std::time::Duration;

use exoscale::models::{InstanceState, PoolState};
use local_cloud::LocalCloudConfig;
use reqwest::{Method, Response, header};
use serde_json::{Value, json};
use test_support::{Api, Reply, new_pool, read};

fn url(api: &Api, path: &str) -> String {
    api.cloud.endpoint().replace("/v2", path)
}

async fn get(api: &Api, path: &str) -> Response {
    api.http.get(url(api, path)).send().await.unwrap()
}

#[tokio::test]
async fn the_page_loads_nothing_but_its_own_files() {
    let api = Api::without_processes().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/_local/page.css", "text/css; charset=utf-8"),
        ("/_local/page.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = get(&api, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers();
        assert_eq!(headers[header::CONTENT_TYPE], kind);
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let text = answer.text().await.unwrap();
        // The policy lets neither run.
        for inline in ["<script>", "<style>", " style=", " onclick="] {
            assert!(!text.contains(inline), "{path}: {inline}");
        }
        assert!(!text.contains("https://"), "{path} is from elsewhere, too");
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_page_of_somebody_elses_reads_and_changes_nothing() {
    let api = Api::without_processes().await;
    // A name that was made to lead here; such a page can send any further header.
    for path in [
        "/",
        "/_local/page.js",
        "/_local/environment",
        "/_local/status",
    ] {
        for further in [
            ("x-forwarded-host", "localhost"),
            ("forwarded", "host=localhost"),
        ] {
            let rebound = api.http.get(url(&api, path));
            let rebound = rebound.header("host", "attacker.example:7290");
            let rebound = rebound.header(further.0, further.1);
            read(rebound).await.refused(403, "this machine only");
        }
    }
    let changes = [
        (Method::PUT, "/_local/faults", "[]"),
        (Method::POST, "/_local/faults", "[]"),
        (Method::DELETE, "/_local/faults", ""),
        (Method::PUT, "/_local/shortage", "{}"),
        (Method::DELETE, "/_local/shortage", ""),
        (Method::POST, "/_local/time?advance=5m", ""),
    ];
    for (method, path, body) in changes {
        for (name, value) in [
            ("origin", "https://attacker.example"),
            ("origin", "http://127.0.0.1:3000"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let change = api.http.request(method.clone(), url(&api, path)).body(body);
            let refused = read(change.header(name, value)).await;
            refused.refused(403, "from a web page of another origin");
        }
        let own = api.http.request(method, url(&api, path)).body(body);
        let own = own.header("origin", url(&api, ""));
        let own = own.header("sec-fetch-site", "same-origin");
        assert_eq!(own.send().await.unwrap().status(), 200, "{path}");
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn the_last_calls_are_told_with_client_answer_and_duration() {
    let api = Api::without_processes().await;
    let request = api.request(&Method::GET, "/instance-pool", b"");
    read(request.header("user-agent", "Exoscale-CLI/1.85.0 egoscale/3")).await;
    api.post("/instance-pool", json!({})).await.refused(400, "");
    let fault = json!({ "operation": "list-quotas", "count": 1, "fault": "hang", "delay_ms": 1 });
    assert_eq!(
        api.local(Method::POST, "/faults", Some(fault)).await.status,
        200
    );
    let silent = api.request(&Method::GET, "/quota", b"").send().await;
    silent.unwrap_err();
    api.get("/no/such").await.refused(501, "GET /v2/no/such");

    let calls = api.local(Method::GET, "/requests", None).await.body;
    let calls = calls.as_array().unwrap();
    let told = |index: usize| {
        let call = &calls[index];
        let at: jiff::Timestamp = call["at"].as_str().unwrap().parse().unwrap();
        assert!(at.duration_until(jiff::Timestamp::now()).as_secs() < 600);
        assert!(call["duration_ms"].as_f64().unwrap() >= 0.0);
        (&call["operation"], &call["status"])
    };
    assert_eq!(told(0), (&json!("list-instance-pools"), &json!(200)));
    assert_eq!(calls[0]["client"], "exo");
    assert_eq!(told(1), (&json!("create-instance-pool"), &json!(400)));
    assert_eq!(told(2), (&json!("list-quotas"), &Value::Null));
    assert_eq!(calls[2]["fault"], "hang");
    assert_eq!(told(3), (&Value::Null, &json!(501)));
    assert_eq!(calls.len(), 4);
    api.cloud.stop().await;
}

#[tokio::test]
async fn there_is_no_environment_before_what_it_begins_with_is_there() {
    let config = LocalCloudConfig {
        is_ready: false,
        ..LocalCloudConfig::without_processes()
    };
    let api = Api::start(config).await;
    let early = api.local(Method::GET, "/environment", None).await;
    early.refused(503, "still being made");
    api.cloud.stop().await;
}

#[tokio::test]
async fn time_can_be_made_to_pass() {
    let hour = Duration::from_secs(3600);
    let api = Api::start(LocalCloudConfig {
        operation_time: hour,
        boot_time: hour,
        speed: 2.0,
        ..LocalCloudConfig::without_processes()
    })
    .await;
    let created = api.post("/instance-pool", new_pool(2)).await;
    assert_eq!(api.cloud.status().pools[0].state, PoolState::Creating);
    let advance = async |arguments: &str| -> Reply {
        api.local(Method::POST, &format!("/time{arguments}"), None)
            .await
    };
    for (wrong, said) in [
        ("", "advance: is missing"),
        ("?advance=", "advance: is not a duration"),
        ("?advance=5", "advance: is not a duration"),
        ("?advance=-5m", "advance: is not a duration"),
        ("?advance=0s", "advance: is shorter than 1ms"),
        ("?advance=2days", "advance: is longer than 1day"),
        ("?advance=99999999999999999999s", "advance: is"),
        ("?by=5m", "by: is no argument"),
        ("?advance=5m&advance=6m", "advance: is missing; give one"),
    ] {
        advance(wrong).await.refused(400, said);
    }
    assert_eq!(api.cloud.status().pools[0].state, PoolState::Creating);
    // Two halves make an hour, and both the operation and the boots see it.
    assert_eq!(advance("?advance=30m").await.body["advanced_s"], 1800.0);
    advance("?advance=30m").await;
    api.done(created).await;
    api.until("members that run", |status| {
        let members = &status.pools[0].members;
        let runs = members.iter().filter(|m| m.state == InstanceState::Running);
        runs.count() == 2
    })
    .await;
    api.cloud.stop().await;
}

#[tokio::test]
async fn faults_are_added_to_those_that_are_there_and_a_wrong_name_leads_to_the_right_one() {
    let api = Api::without_processes().await;
    let fault = |operation: &str| json!({ "operation": operation, "count": 1, "fault": "fail" });
    let add = async |body: Value| api.local(Method::POST, "/faults", Some(body)).await;
    assert_eq!(
        add(fault("get-quota")).await.body,
        json!([fault("get-quota")])
    );
    let both = add(json!([fault("*")])).await.body;
    assert_eq!(both, json!([fault("get-quota"), fault("*")]));
    let refused = add(fault("get-instance-pol")).await;
    refused.refused(400, "did you mean get-instance-pool");
    let refused = add(fault("make-coffee")).await;
    refused.refused(400, "GET /_local/operations lists all");
    let served = api.local(Method::GET, "/operations", None).await.body;
    assert!(
        served
            .as_array()
            .unwrap()
            .contains(&json!("scale-instance-pool"))
    );
    assert_eq!(
        api.local(Method::DELETE, "/faults", None).await.body,
        json!([])
    );
    api.cloud.stop().await;
}
