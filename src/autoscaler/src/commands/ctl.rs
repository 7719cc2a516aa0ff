//! `autoscaler ctl`: looks at a running agent, and gives it orders.

mod client;
mod show;
mod watch;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use policy::Mode;
use program::{
    output,
    time_text::{DAY, SECOND, time_within},
};
use serde_json::{Value, json};

use self::client::Client;

/// The end of the help.
const EXAMPLES: &str = "\
Examples:
  autoscaler ctl status                          the pool, the mode, and what is ordered
  autoscaler ctl pause --why 'database upgrade'  change nothing until `resume`
  autoscaler ctl resume
  autoscaler ctl mode pinned=4 --for 2h          hold one size, and then the settings' mode again
  autoscaler ctl mode --reset                    the settings' mode now
  autoscaler ctl limits --max 20                 a larger maximum
  autoscaler ctl limits --reset                  the settings' limits again
  autoscaler ctl size 6                          one change, when the cooldown ends
  autoscaler ctl --pool web status               one of several pools; AUTOSCALER_POOL names it, too
  autoscaler ctl watch                           decisions as they are made, until Ctrl-C

Orders need the token of the agent's setting control.token: in AUTOSCALER_CONTROL_TOKEN or in --token-file.

Exit codes: 0 done, 1 the agent refused or did not answer, 2 a wrong command line.";

/// Look at a running agent, and give it orders.
///
/// Orders outlive a restart of the agent. Each is a decision in its record, with who gave it and
/// why.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,

    /// Where the agent answers.
    #[arg(
        long,
        global = true,
        env = "AUTOSCALER_URL",
        default_value = "http://127.0.0.1:8090"
    )]
    url: String,

    /// Which of several pools.
    #[arg(long, global = true, value_name = "NAME", env = "AUTOSCALER_POOL")]
    pool: Option<String>,

    /// A file that holds the token for orders, instead of the environment.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// A file of certificates, in PEM, to trust instead of the system's where the URL is https.
    #[arg(long, global = true, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Print JSON, as the agent answers.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the pool, the mode, and what is ordered.
    Status,
    /// Change nothing from now on. Alerts are counted, and members that drain are given back.
    Pause(Note),
    /// Let the agent act again.
    Resume(Note),
    /// Have a mode instead of the settings': on, scale-out-only, recommend, or pinned=N.
    Mode {
        /// The mode.
        #[arg(required_unless_present = "reset")]
        mode: Option<Mode>,
        /// How long; without it until another order.
        #[arg(long = "for", value_name = "TIME", value_parser = time_within(SECOND..=31 * DAY))]
        holds: Option<Duration>,
        /// Have the settings' mode again.
        #[arg(long, conflicts_with_all = ["mode", "holds"])]
        reset: bool,
        #[command(flatten)]
        note: Note,
    },
    /// Have limits instead of the settings'; the one that is not given stays.
    Limits {
        /// The smallest size. The pool grows to it without an alert.
        #[arg(long, value_name = "N", required_unless_present_any = ["max", "reset"])]
        min: Option<u32>,
        /// The largest size.
        #[arg(long, value_name = "N")]
        max: Option<u32>,
        /// Have the settings' limits again.
        #[arg(long, conflicts_with_all = ["min", "max"])]
        reset: bool,
        #[command(flatten)]
        note: Note,
    },
    /// Give the pool this size, once: by one change, when the cooldown ends.
    Size {
        /// The number of members, within the limits.
        size: u32,
        #[command(flatten)]
        note: Note,
    },
    /// Print decisions as they are made, until Ctrl-C.
    Watch,
}

#[derive(Args, Debug)]
struct Note {
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Who, for the record.
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    who: Option<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    actix_rt::System::new().block_on(async {
        let client = Client::new(
            &options.url,
            options.pool.as_deref(),
            options.ca_file.as_deref(),
        )?;
        let Some(order) = order(&options.command) else {
            return look(&client, options).await;
        };
        let token = client::token(options.token_file.as_deref())?;
        let answer = client.order(&token, &order).await?;
        print(&if options.json {
            format!("{answer}\n")
        } else {
            show::answer(&answer)
        })
    })
}

async fn look(client: &Client, options: &Options) -> anyhow::Result<()> {
    let token = client::token(options.token_file.as_deref()).ok();
    if matches!(options.command, Command::Watch) {
        return watch::watch(client, token.as_deref(), options.json).await;
    }
    let status = client.status(token.as_deref()).await?;
    print(&if options.json {
        format!("{status}\n")
    } else {
        show::status(&status)
    })
}

/// The body of an order; `None` for what only looks.
fn order(command: &Command) -> Option<Value> {
    let (mut order, note) = match command {
        Command::Status | Command::Watch => return None,
        Command::Pause(note) => (json!({ "pause": true }), note),
        Command::Resume(note) => (json!({ "resume": true }), note),
        Command::Mode {
            mode, holds, note, ..
        } => {
            let mut order = json!({ "mode": mode.map(|mode| mode.to_string()) });
            if let Some(time) = holds {
                order["for"] = json!(format!("{}s", time.as_secs().max(1)));
            }
            (order, note)
        }
        Command::Limits {
            reset: true, note, ..
        } => (json!({ "limits": null }), note),
        Command::Limits { min, max, note, .. } => {
            let sides = [("min", min), ("max", max)].into_iter();
            let sides = sides.filter_map(|(name, size)| Some((name.to_owned(), json!((*size)?))));
            (json!({ "limits": Value::Object(sides.collect()) }), note)
        }
        Command::Size { size, note } => (json!({ "size": size }), note),
    };
    for (key, text) in [("why", &note.why), ("who", &note.who)] {
        if let Some(text) = text {
            order[key] = json!(text);
        }
    }
    Some(order)
}

fn print(text: &str) -> anyhow::Result<()> {
    output::print(text).context("cannot print the answer")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn parse(line: &str) -> Result<Option<Value>, clap::Error> {
        let words = ["ctl"].into_iter().chain(line.split(' '));
        Cli::try_parse_from(words).map(|cli| order(&cli.options.command))
    }

    #[test]
    fn each_command_is_one_order() {
        Cli::command().debug_assert();
        for (line, order) in [
            ("pause --who a", json!({ "pause": true, "who": "a" })),
            (
                "resume --who a --why b",
                json!({ "resume": true, "who": "a", "why": "b" }),
            ),
            (
                "mode pinned=4 --for 2h --who a",
                json!({ "mode": "pinned=4", "for": "7200s", "who": "a" }),
            ),
            ("mode --reset --who a", json!({ "mode": null, "who": "a" })),
            (
                "limits --max 20 --who a",
                json!({ "limits": { "max": 20 }, "who": "a" }),
            ),
            (
                "limits --min 2 --max 8 --who a",
                json!({ "limits": { "min": 2, "max": 8 }, "who": "a" }),
            ),
            (
                "limits --reset --who a",
                json!({ "limits": null, "who": "a" }),
            ),
            ("size 4 --who a", json!({ "size": 4, "who": "a" })),
        ] {
            assert_eq!(parse(line).unwrap(), Some(order), "{line}");
        }
        for line in ["status", "watch", "status --json"] {
            assert_eq!(parse(line).unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_order_is_refused_before_anybody_is_asked() {
        for line in [
            "mode",
            "mode off",
            "mode on --reset",
            "mode on --for soon",
            "limits",
            "limits --max x",
            "limits --max 3 --reset",
            "size",
            "size -1",
            "pause --token hush",
            "stop",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
