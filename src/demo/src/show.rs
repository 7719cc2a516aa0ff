//! Where a run is shown: on a screen, as lines, or nowhere any more. That nobody sees it is no
//! reason to end it.

use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use super::{
    lines::LineLog,
    options::Options,
    recorder::Recorder,
    screen::{Screen, ScreenEvent},
};

/// Between two status lines.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// The same for a demo that is kept: there is less to say.
const KEPT_STATUS_EVERY: Duration = Duration::from_secs(60);

/// Where the run is shown.
pub(super) enum Show {
    Screen(Screen),
    Lines(LineLog<io::Stdout>),
    Nowhere,
}

impl Show {
    /// A screen where one can be drawn and lines were not asked for.
    pub(super) fn open(options: &Options, page: &str) -> Self {
        let can_draw = can_draw(env::var_os("TERM").as_deref());
        if io::stdout().is_terminal() && can_draw && !options.plain {
            match Screen::open(page) {
                Ok(screen) => return Self::Screen(screen),
                Err(error) => tracing::warn!(%error, "No screen; lines instead."),
            }
        }
        Self::Lines(LineLog::new(io::stdout(), STATUS_EVERY))
    }

    pub(super) fn update(&mut self, recorder: &Recorder) {
        let shown = match self {
            Self::Screen(screen) => screen.draw(&recorder.run, recorder.elapsed()),
            Self::Lines(lines) => lines.update(&recorder.run, recorder.elapsed()),
            Self::Nowhere => Ok(()),
        };
        if let Err(error) = shown {
            tracing::warn!(%error, "The run is no longer shown.");
            *self = Self::Nowhere;
        }
    }

    pub(super) fn note(&mut self, text: &str) {
        if let Self::Screen(screen) = self {
            screen.note(text);
        }
    }

    pub(super) fn is_screen(&self) -> bool {
        matches!(self, Self::Screen(_))
    }

    /// Gives the terminal back; the run is no longer shown.
    pub(super) fn close_screen(&mut self) {
        if self.is_screen() {
            *self = Self::Nowhere;
        }
    }

    /// Says how the run ended, for as long as everything is kept.
    pub(super) fn outcome(&mut self, words: &str) {
        if let Self::Screen(screen) = self {
            screen.outcome(words);
        }
    }

    /// Says that everything goes on, and where it is.
    pub(super) fn keep(&mut self, places: &[(&'static str, String)]) {
        match self {
            Self::Screen(screen) => screen.keep(places),
            Self::Lines(lines) => {
                lines.set_status_every(KEPT_STATUS_EVERY);
                say("\nStill running; Ctrl-C ends it.");
                for (name, url) in places {
                    say(&format!("  {name:<13} {url}"));
                }
            }
            Self::Nowhere => {}
        }
    }

    pub(super) async fn event(&mut self) -> ScreenEvent {
        match self {
            Self::Screen(screen) => screen.event().await,
            Self::Lines(_) | Self::Nowhere => std::future::pending().await,
        }
    }
}

/// Whether a terminal of this kind (the variable TERM) can place text where it should stand.
fn can_draw(kind: Option<&OsStr>) -> bool {
    kind.is_some_and(|kind| !kind.is_empty() && kind != "dumb" && kind != "unknown")
}

/// Says something on standard output, whether or not anybody listens.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{}", text.trim_end_matches('\n'));
}

/// The same on standard error.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_cannot_draw_gets_lines() {
        for kind in ["xterm-256color", "screen", "linux"] {
            assert!(can_draw(Some(OsStr::new(kind))), "{kind}");
        }
        for kind in [None, Some(""), Some("dumb"), Some("unknown")] {
            assert!(!can_draw(kind.map(OsStr::new)), "{kind:?}");
        }
    }
}
