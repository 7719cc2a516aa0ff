//! The page in a real browser: it shows the figures of `/status`, and looks blind and disconnected
//! when it is.

use std::{path::PathBuf, process::Stdio, time::Duration};

use local_cloud::FaultKind;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, sleep, timeout},
};

use super::freshness::{NEVER, until_shown};
use crate::{
    agent_support::{Environment, PATIENCE, Settings},
    several_pools::Pools,
};

/// A headless Chromium, asked by its debugging protocol over pipes. It is killed when dropped.
struct Browser {
    _child: Child,
    _profile: tempfile::TempDir,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: Option<String>,
    asked: u64,
    /// What the browser complained of.
    complaints: Vec<Value>,
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|folder| folder.join("chromium"));
    found.find(|program| program.is_file())
}

/// Skips the test, and says why; where programs must be there, that is a failure.
fn not_here(why: &str) -> Option<Browser> {
    let required = std::env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_some();
    assert!(!required, "{why}");
    println!("skipped: {why}");
    None
}

impl Browser {
    /// A browser with an empty page; `None` where there is no browser.
    async fn start() -> Option<Self> {
        let Some(program) = chromium() else {
            return not_here("chromium is not on PATH");
        };
        let profile = tempfile::tempdir().unwrap();
        // The browser takes orders at descriptor 3 and answers at 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 >/dev/null 2>&1"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--remote-debugging-pipe", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a shell");
        let mut browser = Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            _child: child,
            _profile: profile,
            session: None,
            asked: 0,
            complaints: Vec::new(),
        };
        // In a sandbox it may be there and not run.
        let Some(targets) = browser.ask("Target.getTargets", json!({})).await else {
            return not_here("chromium does not run here");
        };
        let mut targets = targets["targetInfos"].as_array().unwrap().iter();
        let page = targets.find(|target| target["type"] == "page");
        let page = json!({ "targetId": page.unwrap()["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", page).await;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            browser.call(domain, json!({})).await;
        }
        Some(browser)
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        answer.unwrap_or_else(|| panic!("{method}: the browser does not answer"))
    }

    /// Gives an order; `None` when the browser has ended or hangs.
    async fn ask(&mut self, method: &str, params: Value) -> Option<Value> {
        self.asked += 1;
        let mut order = json!({ "id": self.asked, "method": method, "params": params });
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        let order = order.to_string() + "\0";
        self.input.write_all(order.as_bytes()).await.ok()?;
        loop {
            let mut answer = Vec::new();
            let read = self.output.read_until(0, &mut answer);
            timeout(PATIENCE, read).await.ok()?.ok()?;
            if answer.pop() != Some(0) {
                return None;
            }
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            let kind = answer["method"].as_str().unwrap_or_default();
            if matches!(kind, "Runtime.exceptionThrown" | "Log.entryAdded") {
                self.complaints.push(answer["params"].clone());
            }
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return Some(answer["result"].clone());
            }
        }
    }

    /// What a script in the page says.
    async fn value(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", params).await;
        answer["result"]["value"].clone()
    }

    /// Waits for a script in the page to say this.
    async fn until(&mut self, script: &str, expected: Value) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let value = self.value(script).await;
            if value == expected {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{script}: never {expected}, but {value}; {:#?}",
                self.complaints
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn until_text(&mut self, id: &str, expected: &str) {
        let script = format!("document.getElementById({id:?}).innerText");
        self.until(&script, json!(expected)).await;
    }
}

#[tokio::test]
async fn the_page_shows_every_pool_and_leads_to_each() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let mut pools = Pools::new(&["web", "api"]).await;
    pools.add_missing("gone");
    let settings = pools.settings("").set("control.token", "hush");
    let mut agent = pools.start(settings).await;
    let order = agent.http.put(agent.url("/control?pool=api"));
    let order = order.bearer_auth("hush").json(&json!({ "pause": true }));
    assert_eq!(order.send().await.unwrap().status(), 200);
    let page = json!({ "url": agent.url("/") });
    browser.call("Page.navigate", page).await;
    browser
        .until_text("health", "1 of 3 pools with problems")
        .await;
    let rows = "[...document.querySelectorAll('#pools tr')].map(row => row.innerText.replace(/\\s+/g, ' ').trim()).join('; ')";
    let expected = "web slow-app healthy 1 limits 1–10 1 / 1 running on; \
                    api slow-app healthy 1 limits 1–10 1 / 1 running on paused by order; \
                    gone 1 problem ? limits 1–10 ? not known now on";
    browser.until(rows, json!(expected)).await;
    let visible = "[...document.querySelectorAll('h2')].filter(h => h.offsetParent).map(h => h.innerText).join()";
    browser.until(visible, json!("Pools")).await;
    browser
        .value("document.querySelectorAll('#pools a')[1].click()")
        .await;
    browser
        .until_text("control", "By order: paused. Latest order: pause")
        .await;
    let up = "document.querySelector('#up a').offsetParent !== null";
    browser.until(up, json!(true)).await;
    let status = "document.querySelector('a[href^=status]').getAttribute('href')";
    browser.until(status, json!("status?pool=api")).await;
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
    browser
        .value("document.querySelector('#up a').click()")
        .await;
    browser.until_text("name", "Instance pools").await;
    agent.end(rustix::process::Signal::KILL).await;
    browser.until_text("link", "disconnected").await;
}

#[tokio::test]
async fn the_page_shows_the_status_and_when_it_cannot_know_it() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let environment = Environment::with_pool(2).await;
    let settings = Settings::default()
        .set("scaling.cooldown", NEVER)
        .set("links.grafana", "https://grafana.example/d/pool");
    let mut agent = environment.start(settings).await;
    until_shown(&agent, 2).await;
    let page = json!({ "url": agent.url("/") });
    browser.call("Page.navigate", page).await;
    browser.until_text("link", "live").await;
    browser.until_text("size", "2").await;

    agent.alert("up").await;
    let status = until_shown(&agent, 3).await;
    browser.until_text("size", "3").await;
    // The new member boots, and that is followed, too.
    browser.until_text("healthy", "3 / 3").await;
    let pool = &agent.json("/status").await["pool"];
    assert_eq!(pool["ready_members"], 3);
    assert_eq!(pool["running_members"], 3);
    browser.until_text("health", "healthy").await;
    browser.until_text("mode", "on").await;
    browser.until_text("bounds", "1–10").await;
    let name = status["pool"]["name"].as_str().unwrap();
    assert!(!name.is_empty());
    browser.until_text("name", name).await;
    let rows = "document.querySelectorAll('#members tr').length";
    browser.until(rows, json!(3)).await;
    let said = "document.getElementById('decisions').innerText.includes('scaled out')";
    browser.until(said, json!(true)).await;
    let waits =
        "document.getElementById('next').innerText.includes('less than one cooldown has passed')";
    browser.until(waits, json!(true)).await;
    let link = "document.querySelector('#links a').href";
    browser
        .until(link, json!("https://grafana.example/d/pool"))
        .await;
    let drawn = "document.querySelectorAll('.chart svg[role=img]').length";
    browser.until(drawn, json!(3)).await;

    // Nothing is cut off on a phone.
    let phone = json!({ "width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": true });
    browser
        .call("Emulation.setDeviceMetricsOverride", phone)
        .await;
    let fits = "document.documentElement.scrollWidth <= 390";
    browser.until(fits, json!(true)).await;
    assert!(
        browser.complaints.is_empty(),
        "the page breaks its own policy, or fails: {:#?}",
        browser.complaints
    );

    let shown = |id| format!("!document.getElementById('{id}').hidden");
    assert_eq!(browser.value(&shown("blind")).await, false);
    environment.fault("*", 1_000_000, FaultKind::Fail);
    browser.until(&shown("blind"), json!(true)).await;
    let old = "document.getElementById('size').innerText.includes('not known now')";
    browser.until(old, json!(true)).await;

    let why = "document.getElementById('blind-why').innerText.includes('503')";
    browser.until(why, json!(true)).await;
    let says_well = "document.getElementById('health').innerText === 'healthy'";
    browser.until(says_well, json!(false)).await;

    assert_eq!(browser.value(&shown("lost")).await, false);
    agent.end(rustix::process::Signal::KILL).await;
    browser.until(&shown("lost"), json!(true)).await;
    browser.until_text("link", "disconnected").await;
    browser.until_text("health", "health not known").await;
}
