//! Completion scripts and the manual page, as packages make them.

use std::fs;

use crate::instance::command;

#[tokio::test]
async fn the_script_and_the_page_name_every_option() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let output = |arguments: Vec<String>| async move {
        let flags: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = command(&flags).output().await.unwrap();
        assert!(ended.status.success(), "{ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    };
    let script = output(vec!["completions".to_owned(), "bash".to_owned()]).await;
    output(vec!["man".to_owned(), pages.display().to_string()]).await;
    let page = fs::read_to_string(pages.join("slow-app.1"))
        .unwrap()
        .replace('\\', "");
    let help = output(vec!["--help".to_owned()]).await;
    let options = help
        .lines()
        .map(str::trim_start)
        .filter_map(|line| line.strip_prefix("--"));
    let mut count = 0;
    for option in options {
        let option = option.split(' ').next().unwrap();
        count += 1;
        assert!(script.contains(&format!("--{option}")), "{option}");
        assert!(page.contains(&format!("--{option}")), "{option}");
    }
    assert!(count > 8, "{help}");
}
