//! What the figures have in common: SVG elements, scales with round ticks, and labels that do not
//! cover each other.

#![warn(missing_docs)]

mod canvas;
mod labels;
mod scale;

pub use canvas::{Anchor, Canvas, escape};
pub use labels::{PAD, Placed, place, rows, text_width};
pub use scale::{Scale, number, thin};
