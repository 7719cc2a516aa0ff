//! What the words and the panels are drawn with: colours, a frame, texts that fit.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Alignment, Rect},
    style::Color,
    text::Line,
    widgets::{Block, BorderType, Paragraph},
};

/// Colours that read on dark and on light terminals and are told apart with any colour vision.
/// Nothing is said by colour alone.
pub(super) const BLUE: Color = Color::Indexed(33);
pub(super) const ORANGE: Color = Color::Indexed(166);
pub(super) const GREEN: Color = Color::Indexed(36);
pub(super) const PURPLE: Color = Color::Indexed(133);
pub(super) const GREY: Color = Color::Indexed(244);

/// A panel's border, with a title.
pub(super) fn panel(title: Line<'_>) -> Block<'_> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(GREY)
        .title(title)
}

/// A text in at most this many columns, with a sign where it was cut.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

/// Minutes and seconds since the start.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// One line with words on both sides; the left ones win when there is no room for both.
pub(super) fn split(frame: &mut Frame<'_>, area: Rect, left: Line<'_>, right: Line<'_>) {
    let room = usize::from(area.width).saturating_sub(left.width() + 1);
    if right.width() <= room {
        frame.render_widget(Paragraph::new(right).alignment(Alignment::Right), area);
    }
    let area = Rect {
        width: area.width.min(left.width() as u16),
        ..area
    };
    frame.render_widget(left, area);
}
