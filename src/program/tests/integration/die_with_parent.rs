//! A program that was started so dies with the process that started it, even when that one gets no
//! chance to clean up.

use std::{
    env,
    ffi::OsString,
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use program::die_with_parent::{DieWithParentError, run};

const ROLE: &str = "AUTOSCALER_TEST_PARENT_ROLE";

/// This test program again, with only this test and in another role.
fn again(role: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command
        .args([
            "--exact",
            "die_with_parent::the_program_dies_with_its_killed_parent",
            "--nocapture",
        ])
        .env(ROLE, role)
        .stdin(Stdio::null());
    command
}

#[test]
fn the_program_dies_with_its_killed_parent() {
    match env::var(ROLE).as_deref() {
        Ok("holder") => {
            let mut child = again(&std::process::id().to_string())
                .spawn()
                .expect("it starts");
            child.wait().expect("it can be waited for");
        }
        Ok(parent) => {
            let parent = parent.parse().expect("a process id");
            let program = ["/bin/sh", "-c", "echo started; exec sleep 600"].map(OsString::from);
            let error = run(parent, &program).expect_err("it only returns when it failed");
            panic!("{error}");
        }
        Err(_) => check(),
    }
}

fn check() {
    let mut holder = again("holder")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut output = BufReader::new(holder.stdout.take().expect("it is piped"));
    let (sender, events) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        while line.trim() != "started" {
            line.clear();
            assert!(
                output.read_line(&mut line).expect("a line") > 0,
                "it ended before it had started"
            );
        }
        sender.send("started").expect("the test waits");
        // The end comes when the last process that holds the other side is gone.
        output.read_to_end(&mut Vec::new()).expect("the rest");
        sender.send("gone").expect("the test waits");
    });
    let patience = Duration::from_secs(30);
    assert_eq!(events.recv_timeout(patience), Ok("started"));
    holder.kill().expect("it is our child");
    holder.wait().expect("it is our child");
    assert_eq!(events.recv_timeout(patience), Ok("gone"));
    reader.join().expect("it read everything");
}

#[test]
fn a_process_that_is_not_the_parent_cannot_be_died_with() {
    // Refused before anything is executed, so this process goes on.
    let error = run(u32::MAX, &["/bin/true".into()]).expect_err("it is not our parent");
    assert!(
        matches!(error, DieWithParentError::Orphan(u32::MAX)),
        "{error}"
    );
}
