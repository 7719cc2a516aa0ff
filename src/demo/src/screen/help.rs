//! The help on keys, over the charts while it is asked for.

use ratatui::{
    Frame,
    layout::Rect,
    style::Stylize as _,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};

use super::parts::{BLUE, panel};

/// Each key, and what it does.
pub(super) const KEYS: [(&str, &str); 8] = [
    ("k", "kill an instance"),
    ("a", "break the cloud's API, or mend it"),
    ("m", "cut monitoring, or mend it"),
    ("r", "kill the agent, and start it again"),
    ("p", "pause the agent, or resume it"),
    ("+ -", "a quarter more load, or less"),
    ("q", "end now, with the report of what ran"),
    ("?", "hide this"),
];

const COLUMNS: u16 = 56;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect) {
    let size = (
        COLUMNS.min(area.width),
        (KEYS.len() as u16 + 2).min(area.height),
    );
    let place = Rect {
        x: area.x + (area.width - size.0) / 2,
        y: area.y + (area.height - size.1) / 2,
        width: size.0,
        height: size.1,
    };
    let lines = KEYS.map(|(key, does)| {
        Line::from(vec![
            Span::from(format!("  {key:<5}")).bold().fg(BLUE),
            does.into(),
        ])
    });
    let block = panel(Line::from(
        " Keys: each is in the log, the figure and the report ".bold(),
    ));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines.to_vec()).block(block), place);
}
