//! The live screen: takes over the terminal, draws the run's record, and hands key presses to the
//! caller.
//!
//! It never acts on the run itself. The terminal is restored when the screen is dropped and when
//! the program panics.

mod charts;
mod footer;
mod help;
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

use self::{footer::Footer, view::View};
use super::{intervention::Intervention, timeline::Timeline};

/// How long a key press may go unseen, and the end of the screen be delayed.
const POLL: Duration = Duration::from_millis(100);

/// What the person at the terminal did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScreenEvent {
    /// Has seen enough: asked for the report of what ran.
    End,
    /// Asked for a stop without one, or closed the terminal.
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
    footer: Footer,
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
            footer: Footer::new(page),
            is_help_shown: false,
        })
    }

    /// Shows a note in place of the help on keys, such as what is being waited for during the stop.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.footer.note = Some(text.into());
    }

    /// Shows how the run ended, for as long as everything is kept.
    pub(crate) fn outcome(&mut self, words: &str) {
        self.footer.outcome = Some(words.to_owned());
    }

    /// Shows where everything is, and that keys work again.
    pub(crate) fn keep(&mut self, places: &[(&'static str, String)]) {
        self.footer.note = None;
        self.footer.places = places.to_vec();
    }

    /// Draws the run as it is now.
    pub(crate) fn draw(&mut self, run: &Timeline, elapsed: Duration) -> io::Result<()> {
        let view = View {
            run,
            elapsed,
            footer: &self.footer,
            is_help_shown: self.is_help_shown,
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
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) if is_interrupt(*key) => Some(ScreenEvent::Stop),
        Event::Key(key) if is_plain(*key) && is_ending(key.code) => Some(ScreenEvent::End),
        Event::Key(key) if key.kind == KeyEventKind::Press && is_plain(*key) => match key.code {
            KeyCode::Char('?') => Some(ScreenEvent::Help),
            KeyCode::Char('k') => Some(ScreenEvent::Intervene(Intervention::KillInstance)),
            KeyCode::Char('m') => Some(ScreenEvent::Intervene(Intervention::CutMonitoring)),
            KeyCode::Char('a') => Some(ScreenEvent::Intervene(Intervention::BreakApi)),
            KeyCode::Char('r') => Some(ScreenEvent::Intervene(Intervention::RestartAgent)),
            KeyCode::Char('p') => Some(ScreenEvent::Intervene(Intervention::PauseAgent)),
            KeyCode::Char('+' | '=') => Some(ScreenEvent::Intervene(Intervention::MoreLoad)),
            KeyCode::Char('-' | '_') => Some(ScreenEvent::Intervene(Intervention::LessLoad)),
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

fn is_ending(code: KeyCode) -> bool {
    matches!(code, KeyCode::Char('q' | 'Q') | KeyCode::Esc)
}

/// Ctrl-C: the terminal is in raw mode, so it makes no signal.
fn is_interrupt(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Option<ScreenEvent> {
        meaning(&Event::Key(KeyEvent::new(code, modifiers)))
    }

    #[test]
    fn only_the_keys_that_the_screen_names_end_or_stop_the_run() {
        let none = KeyModifiers::NONE;
        assert_eq!(key(KeyCode::Char('q'), none), Some(ScreenEvent::End));
        assert_eq!(key(KeyCode::Esc, none), Some(ScreenEvent::End));
        assert_eq!(
            key(KeyCode::Char('c'), KeyModifiers::CONTROL),
            Some(ScreenEvent::Stop)
        );
        assert_eq!(key(KeyCode::Char('c'), none), None);
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
        assert_eq!(key(KeyCode::Enter, none), None);
        assert_eq!(meaning(&Event::Resize(80, 24)), Some(ScreenEvent::Redraw));
    }

    #[test]
    fn each_key_asks_for_what_the_help_says() {
        let intervene = |of| Some(ScreenEvent::Intervene(of));
        let keys = [
            ('k', Intervention::KillInstance),
            ('m', Intervention::CutMonitoring),
            ('a', Intervention::BreakApi),
            ('r', Intervention::RestartAgent),
            ('p', Intervention::PauseAgent),
            ('+', Intervention::MoreLoad),
            ('-', Intervention::LessLoad),
        ];
        for (letter, of) in keys {
            let code = KeyCode::Char(letter);
            assert_eq!(key(code, KeyModifiers::NONE), intervene(of));
            assert_eq!(key(code, KeyModifiers::CONTROL), None);
            let named = help::KEYS.iter().any(|(keys, _)| keys.contains(letter));
            assert!(named, "{letter}");
        }
        // Without Shift on some keyboards, with it on others.
        assert_eq!(
            key(KeyCode::Char('+'), KeyModifiers::SHIFT),
            intervene(Intervention::MoreLoad)
        );
        assert_eq!(
            key(KeyCode::Char('='), KeyModifiers::NONE),
            intervene(Intervention::MoreLoad)
        );
        let help = key(KeyCode::Char('?'), KeyModifiers::SHIFT);
        assert_eq!(help, Some(ScreenEvent::Help));
    }
}
