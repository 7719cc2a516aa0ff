//! The live screen. It shows the last tick, draws the last minutes, and turns keys into a stop.

use std::{io, time::Duration};

use loadtest::{Plan, Progress, StopHandle};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::{sync::watch, time::MissedTickBehavior};

use super::{history::History, interrupts::leave_now, panels::draw};

/// How often keys are looked at; the screen itself changes once a tick.
const KEYS_EVERY: Duration = Duration::from_millis(100);

/// Shows the run until its end. Leaves the terminal as it found it, also after a panic.
pub(crate) async fn show(
    plan: &Plan,
    mut progress: watch::Receiver<Progress>,
    stop: &StopHandle,
) -> io::Result<()> {
    let settings = plan.describe();
    let title = format!(
        "{} {}   {}",
        settings["method"], settings["target"], settings["profile"]
    );
    let mut terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
    let result = drive(&mut terminal, &title, &mut progress, stop).await;
    ratatui::try_restore()?;
    result
}

async fn drive(
    terminal: &mut ratatui::DefaultTerminal,
    title: &str,
    progress: &mut watch::Receiver<Progress>,
    stop: &StopHandle,
) -> io::Result<()> {
    let mut history = History::default();
    let mut keys = tokio::time::interval(KEYS_EVERY);
    keys.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let redraw = tokio::select! {
            changed = progress.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                history.push(&progress.borrow());
                true
            }
            _ = keys.tick() => match poll_keys()? {
                Some(Key::Stop) if stop.is_stopped() => {
                    ratatui::restore();
                    leave_now();
                }
                Some(Key::Stop) => {
                    stop.stop();
                    true
                }
                Some(Key::Resized) => true,
                None => false,
            },
        };
        let current = progress.borrow_and_update().clone();
        if redraw {
            terminal.draw(|frame| draw(frame, title, &current, &history, stop.is_stopped()))?;
        }
        if current.finished {
            return Ok(());
        }
    }
}

enum Key {
    Stop,
    Resized,
}

/// The last thing that was done to the terminal, if anything was. Never waits.
fn poll_keys() -> io::Result<Option<Key>> {
    let mut last = None;
    while event::poll(Duration::ZERO)? {
        match event::read()? {
            Event::Key(KeyEvent {
                code,
                modifiers,
                kind: KeyEventKind::Press,
                ..
            }) => {
                let interrupt =
                    code == KeyCode::Char('c') && modifiers.contains(KeyModifiers::CONTROL);
                if interrupt || code == KeyCode::Char('q') {
                    return Ok(Some(Key::Stop));
                }
            }
            Event::Resize(..) => last = Some(Key::Resized),
            _ => {}
        }
    }
    Ok(last)
}
