//! The live screen: takes over the terminal, draws the run's record, and hands key presses to the
//! caller.
//!
//! It never acts on the run itself. The terminal is restored when the screen is dropped and when
//! the program panics.

mod charts;
mod parts;
mod pool;
mod view;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
};
use tokio::sync::mpsc;

use self::view::View;
use super::{intervention::Intervention, timeline::Timeline};

/// How long a key press may go unseen, and the end of the screen be delayed.
const POLL: Duration = Duration::from_millis(100);

/// The help on keys: short enough for 80 columns beside the address.
const KEYS: &str = "k: kill instance r: agent  m: cut monitoring a: API";

/// What the person at the terminal did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScreenEvent {
    /// Asked for an orderly stop, or closed the terminal.
    Stop,
    /// Gave the terminal another size, or asked for help; it should be drawn again at once.
    Redraw,
    /// Asked for the help on keys, or that it goes away.
    Help,
    /// Asked for something to be done to the run.
    Intervene(Intervention),
}

/// The terminal while the screen is open.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: DefaultTerminal,
    events: mpsc::UnboundedReceiver<ScreenEvent>,
    closed: Arc<AtomicBool>,
    keys: Option<thread::JoinHandle<()>>,
    note: Option<String>,
    page: String,
    is_help_shown: bool,
}

impl Screen {
    /// Takes over the terminal, to show a run and the address of the agent's page. From here on
    /// nothing else may write to it.
    pub(crate) fn open(page: &str) -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let closed = Arc::new(AtomicBool::new(false));
        let (sender, events) = mpsc::unbounded_channel();
        let keys = thread::Builder::new()
            .name("keys".to_owned())
            .spawn({
                let closed = Arc::clone(&closed);
                move || read_keys(&sender, &closed)
            })
            .inspect_err(|_| ratatui::restore())?;
        Ok(Self {
            terminal,
            events,
            closed,
            keys: Some(keys),
            note: None,
            page: page.to_owned(),
            is_help_shown: false,
        })
    }

    /// Shows a note in place of the help on keys, such as what is being waited for during the stop.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.note = Some(text.into());
    }

    /// Draws the run as it is now.
    pub(crate) fn draw(&mut self, run: &Timeline, elapsed: Duration) -> io::Result<()> {
        let view = View {
            run,
            elapsed,
            note: self.note.as_deref().or(self.is_help_shown.then_some(KEYS)),
            page: &self.page,
        };
        self.terminal.draw(|frame| view.draw(frame))?;
        Ok(())
    }

    /// The next event. May be dropped and called again without losing one.
    pub(crate) async fn event(&mut self) -> ScreenEvent {
        // The reader ends early only when the terminal is gone.
        match self.events.recv().await.unwrap_or(ScreenEvent::Stop) {
            ScreenEvent::Help => {
                self.is_help_shown = !self.is_help_shown;
                ScreenEvent::Redraw
            }
            other => other,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(keys) = self.keys.take() {
            // It must not read what is typed after the end. Its result does not matter any more.
            let _ = keys.join();
        }
        // After a panic the hook has restored it already; a second time would put the cursor over
        // the message.
        if !thread::panicking()
            && let Err(error) = ratatui::try_restore()
        {
            tracing::warn!(%error, "Terminal not restored.");
        }
    }
}

/// Runs in a thread of its own, since reading a terminal blocks. Ends when the screen is closed or
/// the terminal gone.
fn read_keys(events: &mpsc::UnboundedSender<ScreenEvent>, closed: &AtomicBool) {
    while !closed.load(Ordering::Relaxed) {
        let happened = match event::poll(POLL).and_then(|ready| ready.then(event::read).transpose())
        {
            Ok(event) => event.as_ref().and_then(meaning),
            Err(_) => return,
        };
        if let Some(event) = happened
            && events.send(event).is_err()
        {
            return;
        }
    }
}

fn meaning(event: &Event) -> Option<ScreenEvent> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release && asks_to_stop(*key) => {
            Some(ScreenEvent::Stop)
        }
        Event::Key(key) if key.kind == KeyEventKind::Press && is_plain(*key) => match key.code {
            KeyCode::Char('?') => Some(ScreenEvent::Help),
            KeyCode::Char('k') => Some(ScreenEvent::Intervene(Intervention::KillInstance)),
            KeyCode::Char('m') => Some(ScreenEvent::Intervene(Intervention::CutMonitoring)),
            KeyCode::Char('a') => Some(ScreenEvent::Intervene(Intervention::BreakApi)),
            KeyCode::Char('r') => Some(ScreenEvent::Intervene(Intervention::RestartAgent)),
            _ => None,
        },
        Event::Resize(..) => Some(ScreenEvent::Redraw),
        _ => None,
    }
}

/// Without Ctrl or Alt; `?` needs Shift on many keyboards.
fn is_plain(key: KeyEvent) -> bool {
    (key.modifiers - KeyModifiers::SHIFT).is_empty()
}

/// `q`, `Esc` and Ctrl-C: the terminal is in raw mode, so the last makes no signal.
fn asks_to_stop(key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => true,
        KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Option<ScreenEvent> {
        meaning(&Event::Key(KeyEvent::new(code, modifiers)))
    }

    #[test]
    fn only_the_keys_that_the_screen_names_stop_the_run() {
        let none = KeyModifiers::NONE;
        assert_eq!(key(KeyCode::Char('q'), none), Some(ScreenEvent::Stop));
        assert_eq!(key(KeyCode::Esc, none), Some(ScreenEvent::Stop));
        assert_eq!(
            key(KeyCode::Char('c'), KeyModifiers::CONTROL),
            Some(ScreenEvent::Stop)
        );
        assert_eq!(key(KeyCode::Char('c'), none), None);
        assert_eq!(key(KeyCode::Enter, none), None);
        assert_eq!(meaning(&Event::Resize(80, 24)), Some(ScreenEvent::Redraw));
    }

    #[test]
    fn each_key_asks_for_what_the_help_says() {
        let intervene = |of| Some(ScreenEvent::Intervene(of));
        for (letter, of) in [
            ('k', Intervention::KillInstance),
            ('m', Intervention::CutMonitoring),
            ('a', Intervention::BreakApi),
            ('r', Intervention::RestartAgent),
        ] {
            let code = KeyCode::Char(letter);
            assert_eq!(key(code, KeyModifiers::NONE), intervene(of));
            assert_eq!(key(code, KeyModifiers::CONTROL), None);
            assert!(KEYS.contains(&format!("{letter}: ")), "{letter}");
        }
        // Beside the address of 23 columns.
        assert!(KEYS.chars().count() <= 80 - 23 - 3);
        let help = key(KeyCode::Char('?'), KeyModifiers::SHIFT);
        assert_eq!(help, Some(ScreenEvent::Help));
    }
}
