//! Rows of values for templates, from a CSV file.

use std::path::Path;

use crate::template::is_built_in;

/// Which row a request gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataOrder {
    /// One after another over all threads and slices, and then from the first again.
    #[default]
    InTurn,
    Random,
}

/// A data file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        path: String,
        source: std::io::Error,
    },
    /// A row is wrong.
    #[error("{path}:{line}: {why}")]
    Row {
        path: String,
        line: u64,
        why: String,
    },
    /// There is no row below the one with the names.
    #[error("{path} has no row: its first row names the columns, each other one has their values")]
    Empty { path: String },
}

/// Where a row stands: the reader counts from the empty lines before it.
fn line_of_row(bytes: &[u8], position: &csv::Position) -> u64 {
    let at = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let before = bytes.get(at..).unwrap_or_default().iter();
    let empty = before.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
}

/// The rows of a CSV file whose first row names the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    path: String,
    columns: Vec<String>,
    rows: Vec<csv::StringRecord>,
    order: DataOrder,
}

impl Data {
    pub fn read(path: &Path, order: DataOrder) -> Result<Self, DataError> {
        let shown = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| DataError::Read {
            path: shown.clone(),
            source,
        })?;
        Self::parse(&shown, &bytes, order)
    }

    fn parse(path: &str, bytes: &[u8], order: DataOrder) -> Result<Self, DataError> {
        let fail = |line: u64, why: String| DataError::Row {
            path: path.to_owned(),
            line,
            why,
        };
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
        let wrong = |error: csv::Error| {
            let line = error.position().map_or(1, |at| line_of_row(bytes, at));
            let why = match error.kind() {
                csv::ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => format!("{len} values, where the first row names {expected_len} columns"),
                csv::ErrorKind::Utf8 { .. } => "the values are not UTF-8".to_owned(),
                _ => error.to_string(),
            };
            fail(line, why)
        };
        let head = reader.headers().map_err(wrong)?;
        let columns: Vec<String> = head.iter().map(|name| name.trim().to_owned()).collect();
        for (index, name) in columns.iter().enumerate() {
            let why = if name.is_empty() {
                "a column has no name".to_owned()
            } else if name.contains(['{', '}']) {
                format!("the column {name:?} has a brace in its name")
            } else if is_built_in(name) {
                format!("the column {name:?} has the name of what is built in: call it otherwise")
            } else if columns[..index].contains(name) {
                format!("two columns are called {name:?}")
            } else {
                continue;
            };
            return Err(fail(1, why));
        }
        let rows = reader
            .records()
            .collect::<Result<Vec<_>, _>>()
            .map_err(wrong)?;
        if rows.is_empty() {
            return Err(DataError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            columns,
            rows,
            order,
        })
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The columns as a template names them.
    pub(crate) fn named_columns(&self) -> String {
        let names = self.columns.iter().map(|name| format!("{{{{{name}}}}}"));
        names.collect::<Vec<_>>().join(", ")
    }

    /// The row of the request with this number.
    pub(crate) fn row(&self, number: u64, random: &mut fastrand::Rng) -> &csv::StringRecord {
        let index = match self.order {
            DataOrder::InTurn => (number % self.rows.len() as u64) as usize,
            DataOrder::Random => random.usize(..self.rows.len()),
        };
        &self.rows[index]
    }

    /// Refuses a column with a value that no header can have.
    pub(crate) fn check_header(&self, column: usize) -> Result<(), DataError> {
        let is_wrong = |row: &&csv::StringRecord| {
            row[column]
                .bytes()
                .any(|byte| byte.is_ascii_control() && byte != b'\t')
        };
        match self.rows.iter().find(is_wrong) {
            None => Ok(()),
            Some(row) => Err(DataError::Row {
                path: self.path.clone(),
                line: row.position().map_or(1, csv::Position::line),
                why: format!(
                    "a value of {:?} has control characters, and is used in a header",
                    self.columns[column]
                ),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Data, DataOrder};

    fn parse(text: &str) -> Result<Data, String> {
        Data::parse("d.csv", text.as_bytes(), DataOrder::InTurn).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_taken_in_turn_or_at_random() {
        let data = parse("\u{feff}id, name\r\n1,\"a, b\"\r\n2,c\r\n").expect("valid");
        assert_eq!(data.columns(), ["id", "name"]);
        let mut random = fastrand::Rng::with_seed(1);
        let ids: Vec<&str> = (0..5)
            .map(|number| &data.row(number, &mut random)[0])
            .collect();
        assert_eq!(ids, ["1", "2", "1", "2", "1"]);
        assert_eq!(&data.row(0, &mut random)[1], "a, b");
        let data = Data {
            order: DataOrder::Random,
            ..data
        };
        let ids: Vec<&str> = (0..64).map(|_| &data.row(0, &mut random)[0]).collect();
        assert!(ids.contains(&"1") && ids.contains(&"2"));
    }

    #[test]
    fn files_that_cannot_be_used_are_refused_with_their_line() {
        for (text, error) in [
            (
                "id,name\n1,a\n\n2\n",
                "d.csv:4: 1 values, where the first row names 2",
            ),
            ("id,\n", "d.csv:1: a column has no name"),
            ("id,id\n", "d.csv:1: two columns are called \"id\""),
            (
                "counter\n1\n",
                "d.csv:1: the column \"counter\" has the name of what is built in",
            ),
            ("a}\n1\n", "has a brace"),
            ("id\n", "d.csv has no row"),
            ("", "d.csv has no row"),
        ] {
            let said = parse(text).expect_err(text);
            assert!(said.contains(error), "{text:?}: {said}");
        }
        let error = Data::parse("d.csv", b"id\nx\n\xff\n", DataOrder::InTurn).expect_err("bytes");
        assert_eq!(error.to_string(), "d.csv:3: the values are not UTF-8");
        let data = parse("id,name\n1,a\n2,\"b\nc\"\n").expect("valid");
        data.check_header(0).expect("digits");
        let error = data.check_header(1).expect_err("a line feed").to_string();
        assert!(
            error.starts_with("d.csv:3: a value of \"name\" has control"),
            "{error}"
        );
    }
}
