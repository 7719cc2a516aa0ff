//! The page in a real browser, opened as a file: its script, its policy, its width, its print.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{loadtest, program, skip, stderr};
use crate::support::{Behaviour, Server};

/// The name of a backend that would like to be part of the page.
const HOSTILE: &str =
    "<script>document.title='taken'</script><img/src=x/onerror=document.title='taken'><b>i-2</b>";

struct Browser {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Browser {
    fn find() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let browser = Self {
            program: program("chromium")?,
            folder,
        };
        fs::write(browser.at("empty.html"), "<title>works</title>").expect("written");
        // In a sandbox it may be there and not run.
        if !browser.dom("empty.html", 800).contains("works") {
            skip("chromium does not run here");
            return None;
        }
        Some(browser)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, file: &str, arguments: &[&str]) -> String {
        let output = Command::new(&self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .arg("--hide-scrollbars")
            .arg("--disable-dev-shm-usage")
            .arg(format!("--user-data-dir={}", self.at("profile").display()))
            .args(arguments)
            .arg(format!("file://{}", self.at(file).display()))
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .expect("it starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The page's elements after its scripts have run.
    fn dom(&self, file: &str, width: u32) -> String {
        let size = format!("--window-size={width},900");
        self.start(file, &[&size, "--dump-dom"])
    }

    /// What a script says that is added to a page; for it the page's policy is taken out.
    fn says(&self, page: &str, width: u32, script: &str) -> String {
        let (before, rest) = page.split_once("<meta http-equiv").expect("a policy");
        let (_, after) = rest.split_once('\n').expect("a line of its own");
        let script = format!(
            "<pre id=\"said\"></pre><script>document.getElementById('said').textContent = JSON.stringify((() => {{{script}}})());</script>"
        );
        let page = format!("{before}{after}{script}");
        fs::write(self.at("asked.html"), page).expect("written");
        let dom = self.dom("asked.html", width);
        let (_, said) = dom.split_once("<pre id=\"said\">").expect("an answer");
        let said = said.split("</pre>").next().expect("its end");
        said.replace("&lt;", "<").replace("&gt;", ">")
    }
}

/// The page of a run with failures, several backends, stages and thresholds; beside it its log.
fn write_page(path: &Path) -> String {
    let log = path.with_extension("hlog");
    let instances = ["i-1", "i-2", "i-3"].map(str::to_owned).to_vec();
    let well = Server::start(Behaviour {
        instances,
        close_after: Some(20),
        drop_at: Some(18),
        ..Behaviour::default()
    });
    let output = loadtest(&[
        "--profile",
        "1s@50, 1s:50..200, 500ms@200",
        "--tick",
        "200ms",
        "--quiet",
        // What is not idempotent is not sent again.
        "--method",
        "POST",
        "--connections",
        "8",
        "--connection-max-requests",
        "19",
        "--fail-if",
        "p99>1ns",
        "--fail-if",
        "errors>50%",
        "--html",
        path.to_str().expect("UTF-8"),
        "--hlog",
        log.to_str().expect("UTF-8"),
        &well.url(),
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    fs::read_to_string(path).expect("written")
}

#[test]
fn the_page_runs_its_own_script_and_nothing_that_servers_say() {
    let Some(browser) = Browser::find() else {
        return;
    };
    write_page(&browser.at("run.html"));
    // Names are cleaned when they are received, but a log says what its writer likes.
    let log = fs::read_to_string(browser.at("run.hlog")).expect("written");
    let log = log.replace("/i-2,", &format!("/{HOSTILE},"));
    fs::write(browser.at("run.hlog"), log).expect("written");
    let at = |name: &str| browser.at(name).to_str().expect("UTF-8").to_owned();
    let output = loadtest(&["merge", &at("run.hlog"), "--html", &at("run.html")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = fs::read_to_string(browser.at("run.html")).expect("written");
    assert!(page.contains("&lt;b&gt;i-2"), "the backend is named");
    let dom = browser.dom("run.html", 1300);
    assert!(!dom.contains("<title>taken"), "a name became a script");
    assert!(!dom.contains("<b>i-2"), "a name became an element");
    let bars = dom.matches("<div class=\"bar\">").count();
    assert_eq!(bars, 2, "the script shows its sliders");

    // With the policy, no other script runs, wherever it may come from.
    let added = "<script>document.title = 'taken'</script></body>";
    fs::write(browser.at("more.html"), page.replace("</body>", added)).expect("written");
    let dom = browser.dom("more.html", 1300);
    assert!(!dom.contains("<title>taken"), "the policy has a hole");
    assert!(
        dom.contains("<div class=\"bar\">"),
        "and its own script runs"
    );
}

#[test]
fn a_crosshair_follows_pointer_and_keys_and_lines_can_be_hidden() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let page = write_page(&browser.at("run.html"));
    let said = browser.says(
        &page,
        1300,
        "const plot = document.querySelector('.plot'), box = plot.getBoundingClientRect();
         const values = () => [...document.querySelectorAll('[data-axis=time] .value')].map(v => v.textContent);
         const crosses = () => [...document.querySelectorAll('[data-axis=time] .cross')].filter(c => !c.hidden).map(c => c.style.left);
         const before = [values().join(''), crosses().length];
         plot.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + box.width * .1, clientY: box.top + 5 }));
         const pointed = [values().every(v => v), new Set(crosses()).size, crosses().length, values()[0].endsWith('/s')];
         const slider = document.querySelector('.bar input');
         slider.value = 3; slider.dispatchEvent(new Event('input'));
         const moved = [/^[0-9.ms]+ to [0-9.ms]+$/.test(document.querySelector('.now').textContent), slider.getAttribute('aria-valuetext').includes('target ')];
         const button = document.querySelector('.legend button');
         const lines = () => document.querySelectorAll('.plot path[data-line]:not([hidden])').length;
         const all = lines(); button.click(); const fewer = lines(); button.click();
         return [before, pointed, moved, [all - fewer, all - lines()]];",
    );
    let expected = "[[\"\",0],[true,1,5,true],[true,true],[1,0]]";
    assert_eq!(said, expected);
}

#[test]
fn the_page_fits_a_phone_and_a_desk_and_two_sheets_of_paper() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let page = write_page(&browser.at("run.html"));
    // A headless window is at least 500 pixels wide: a frame is as narrow as a phone.
    let frame = page.replace('&', "&amp;").replace('"', "&quot;");
    for width in [390, 1300] {
        let outer = format!(
            "<!doctype html><meta http-equiv=\"x\">\n<iframe style=\"width:{width}px;height:800px;border:0\" srcdoc=\"{frame}\"></iframe>"
        );
        fs::write(browser.at("frame.html"), outer).expect("written");
        let script = "<script>addEventListener('load', () => { const root = document.querySelector('iframe').contentDocument.documentElement;
            document.title = 'wide ' + root.scrollWidth + ' bars ' + root.querySelectorAll('.bar:not([hidden])').length;
            const cut = [...root.querySelectorAll('.scroll')].filter(table => table.scrollWidth > table.clientWidth);
            if (root.clientWidth > 1000 && cut.length) document.title = 'cut off: ' + cut.map(table => table.ariaLabel); })</script>";
        let outer = fs::read_to_string(browser.at("frame.html")).expect("there");
        fs::write(browser.at("frame.html"), outer + script).expect("written");
        let dom = browser.dom("frame.html", 1400);
        let expected = format!("<title>wide {width} bars 2</title>");
        assert!(
            dom.contains(&expected),
            "{width}: {}",
            dom.split("title>").nth(1).unwrap_or_default()
        );
    }
    let pdf = browser.at("run.pdf");
    let print = format!("--print-to-pdf={}", pdf.display());
    browser.start("run.html", &[&print, "--no-pdf-header-footer"]);
    let pdf = fs::read(pdf).expect("printed");
    let pages = String::from_utf8_lossy(&pdf)
        .matches("/Type /Page\n")
        .count();
    assert_eq!(pages, 2);
}
