//! Places the labels of vertical lines so that no label covers another or is crossed by a line.

/// Where a label came to stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Position of its line.
    pub x: f64,
    /// Its row, from the top.
    pub row: usize,
    /// What it says.
    pub text: String,
}

/// The most rows that labels take before they are shortened.
const MAX_ROWS: usize = 4;
/// Between the line and its text, and between a text and the next line.
pub const PAD: f64 = 4.0;

/// About how wide a text is at eleven pixels, in pixels; rather too much than too little in the
/// style's fonts.
pub fn text_width(text: &str) -> f64 {
    text.chars().map(advance).sum()
}

fn advance(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | '\'' | '|' => 3.2,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '·' => 4.2,
        'm' | 'w' | 'M' | 'W' | '%' | '→' => 9.8,
        '“' | '”' | 's' | 'c' | 'k' | 'v' | 'x' | 'y' | 'z' => 5.8,
        _ => 6.9,
    }
}

/// Lays labels out as stairs that descend to the right: a label stands to the right of its line,
/// under every label that still reaches over that line. `labels` holds positions in rising order,
/// with the long and the short wording.
///
/// The short wording is used for all when the long one would need too many rows.
pub fn place(labels: &[(f64, String, String)]) -> Vec<Placed> {
    let long = stairs(labels.iter().map(|(x, long, _)| (*x, long.clone())));
    if rows(&long) <= MAX_ROWS {
        long
    } else {
        stairs(labels.iter().map(|(x, _, short)| (*x, short.clone())))
    }
}

/// How many rows the labels take.
pub fn rows(placed: &[Placed]) -> usize {
    placed.iter().map(|label| label.row + 1).max().unwrap_or(0)
}

fn stairs(labels: impl Iterator<Item = (f64, String)>) -> Vec<Placed> {
    let mut placed: Vec<Placed> = Vec::new();
    for (x, text) in labels {
        let reaches = |label: &&Placed| label.x + text_width(&label.text) + 3.0 * PAD > x;
        let row = placed
            .iter()
            .filter(reaches)
            .map(|label| label.row + 1)
            .max()
            .unwrap_or(0);
        placed.push(Placed { x, row, text });
    }
    placed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(xs: &[f64]) -> Vec<(f64, String, String)> {
        xs.iter()
            .map(|x| (*x, "2→3 scale out".to_owned(), "2→3".to_owned()))
            .collect()
    }

    #[test]
    fn labels_far_apart_share_the_first_row_and_close_ones_descend() {
        let rows_of = |xs: &[f64]| {
            place(&labels(xs))
                .iter()
                .map(|label| label.row)
                .collect::<Vec<_>>()
        };
        assert_eq!(rows_of(&[0.0, 200.0, 400.0]), [0, 0, 0]);
        assert_eq!(rows_of(&[0.0, 40.0, 80.0, 400.0]), [0, 1, 2, 0]);
    }

    #[test]
    fn many_close_labels_are_shortened() {
        let xs: Vec<f64> = (0..8).map(|number| f64::from(number) * 40.0).collect();
        let placed = place(&labels(&xs));
        assert!(
            placed
                .iter()
                .all(|label| label.text == "2→3" && label.row == 0),
            "{placed:?}"
        );
    }

    proptest! {
        #[test]
        fn no_label_is_covered_or_crossed(mut xs in proptest::collection::vec(0.0_f64..800.0, 0..12)) {
            xs.sort_by(f64::total_cmp);
            let placed = place(&labels(&xs));
            for (number, left) in placed.iter().enumerate() {
                let end = left.x + PAD + text_width(&left.text);
                for right in placed[number + 1..].iter().filter(|right| right.x < end) {
                    // The line of `right` goes down from its own row, so it must begin under
                    // `left`.
                    prop_assert!(right.row > left.row, "{left:?} {right:?}");
                }
            }
        }
    }
}
