//! Requests from a file, in vegeta's two formats.
//!
//! The first is lines: `METHOD URL`, then headers, then `@FILE` with the body, then a blank line;
//! lines that begin with `#` are comments. The second is one JSON object a line: `method`, `url`,
//! `body` in base64, and `header` with a list of values for each name.

use std::{collections::BTreeMap, fs, io};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::{
    message::Call,
    request::{Request, RequestError},
    target::Target,
};

/// A list of requests that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetsError {
    /// A line is wrong.
    #[error("{file}:{line}: {why}")]
    Line {
        file: String,
        line: usize,
        why: String,
    },
    /// A body cannot be read.
    #[error("{file}:{line}: cannot read the body {body}")]
    Body {
        file: String,
        line: usize,
        body: String,
        source: io::Error,
    },
    /// The list has no request.
    #[error("{0} has no request: give lines such as GET http://127.0.0.1:8080/")]
    Empty(String),
}

/// Reads a list of requests. `file` is its name in errors. What a request does not say itself it
/// has from `common`: the body, and headers of other names than its own.
pub fn parse_targets(file: &str, text: &str, common: &Request) -> Result<Vec<Call>, TargetsError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut list = List {
        file,
        common,
        calls: Vec::new(),
        open: None,
    };
    let is_said = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let first = text.lines().map(str::trim).find(is_said);
    let is_json = first.is_some_and(|line| line.starts_with('{'));
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.starts_with('#') {
            continue;
        }
        match is_json {
            true if line.is_empty() => {}
            true => list.json(number, line)?,
            false => list.line(number, line)?,
        }
    }
    list.close();
    if list.calls.is_empty() {
        return Err(TargetsError::Empty(file.to_owned()));
    }
    Ok(list.calls)
}

struct List<'a> {
    file: &'a str,
    common: &'a Request,
    calls: Vec<Call>,
    /// The request whose lines are read.
    open: Option<Open>,
}

struct Open {
    target: Target,
    request: Request,
    body: Option<Vec<u8>>,
}

/// A request of the JSON format.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    method: String,
    url: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    header: Option<BTreeMap<String, Vec<String>>>,
}

impl List<'_> {
    fn wrong(&self, line: usize, why: &impl ToString) -> TargetsError {
        TargetsError::Line {
            file: self.file.to_owned(),
            line,
            why: why.to_string(),
        }
    }

    fn line(&mut self, number: usize, line: &str) -> Result<(), TargetsError> {
        if line.is_empty() {
            self.close();
            return Ok(());
        }
        if let Some((method, url)) = request_line(line) {
            self.close();
            self.open = Some(self.begin(number, method, url)?);
            return Ok(());
        }
        let Some(mut open) = self.open.take() else {
            let why = format!("expected METHOD URL, such as GET http://127.0.0.1:8080/: {line:?}");
            return Err(self.wrong(number, &why));
        };
        if let Some(path) = line.strip_prefix('@') {
            if open.body.is_some() {
                return Err(self.wrong(number, &"a second body: a request has one"));
            }
            let body = fs::read(path).map_err(|source| TargetsError::Body {
                file: self.file.to_owned(),
                line: number,
                body: path.to_owned(),
                source,
            })?;
            open.body = Some(body);
        } else {
            let Some((name, value)) = line.split_once(':') else {
                let why = format!(
                    "expected METHOD URL, a header 'Name: value', or @FILE with the body: {line:?}"
                );
                return Err(self.wrong(number, &why));
            };
            let request = open.request.header(name.trim(), value);
            open.request = request.map_err(|error| self.wrong(number, &error))?;
        }
        self.open = Some(open);
        Ok(())
    }

    fn json(&mut self, number: usize, line: &str) -> Result<(), TargetsError> {
        let object: Object =
            serde_json::from_str(line).map_err(|error| self.wrong(number, &JsonError(&error)))?;
        let mut open = self.begin(number, &object.method, &object.url)?;
        if let Some(body) = object.body {
            let body = STANDARD.decode(body);
            let body = body.map_err(|error| {
                self.wrong(number, &format!("the body must be in base64: {error}"))
            })?;
            open.body = Some(body);
        }
        for (name, values) in object.header.unwrap_or_default() {
            for value in values {
                let request = open.request.header(&name, &value);
                open.request = request.map_err(|error| self.wrong(number, &error))?;
            }
        }
        self.open = Some(open);
        self.close();
        Ok(())
    }

    fn begin(&self, number: usize, method: &str, url: &str) -> Result<Open, TargetsError> {
        let target = url.parse().map_err(|error| self.wrong(number, &error))?;
        let request =
            Request::new(method).map_err(|error: RequestError| self.wrong(number, &error))?;
        Ok(Open {
            target,
            request,
            body: None,
        })
    }

    fn close(&mut self) {
        if let Some(Open {
            target,
            request,
            body,
        }) = self.open.take()
        {
            let request = request.or_else(self.common);
            let request = match body {
                Some(body) => request.with_body(body),
                None => request.with_body(self.common.body().clone()),
            };
            self.calls.push(Call { target, request });
        }
    }
}

/// A line that begins a request: a method in capitals, a space and an address.
fn request_line(line: &str) -> Option<(&str, &str)> {
    let (method, url) = line.split_once(char::is_whitespace)?;
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    is_method.then(|| (method, url.trim()))
}

/// What is wrong in one line of JSON, without the line's number in it, which is always 1.
struct JsonError<'a>(&'a serde_json::Error);

impl std::fmt::Display for JsonError<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.0.to_string();
        let place = format!(" at line {} column {}", self.0.line(), self.0.column());
        let what = text.strip_suffix(&place).unwrap_or(&text);
        write!(f, "column {}: {what}", self.0.column())
    }
}

#[cfg(test)]
mod tests {
    use super::parse_targets;
    use crate::request::Request;

    #[test]
    fn lines_are_read_with_headers_bodies_comments_and_blank_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let body = folder.path().join("body.json");
        std::fs::write(&body, "{\"a\":1}").expect("written");
        let text = format!(
            "# the first\nGET http://a:81/x?y={{{{id}}}}\nX-Id: {{{{uuid}}}}\nX-Two: a: b\n\n\n  POST\thttp://b/\n\
             @{}\nHEAD https://c/\r\n# between\nX-Last:z\nDELETE http://d/",
            body.display()
        );
        let common = Request::default()
            .header("x-two", "common")
            .expect("valid")
            .with_body("none");
        let common = common.header("x-all", "yes").expect("valid");
        let calls = parse_targets("t.txt", &text, &common).expect("valid");
        let shown: Vec<String> = calls
            .iter()
            .map(|call| format!("{} {}", call.request.method(), call.target))
            .collect();
        assert_eq!(
            shown,
            [
                "GET http://a:81/x?y={{id}}",
                "POST http://b/",
                "HEAD https://c/",
                "DELETE http://d/"
            ]
        );
        let header = |index: usize, name: &str| -> Vec<String> {
            let call: &super::Call = &calls[index];
            let headers = call.request.all_headers(&call.target).into_iter();
            headers
                .filter(|(own, _)| own.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
                .collect()
        };
        assert_eq!(
            (header(0, "x-two"), header(1, "x-two")),
            (vec!["a: b".into()], vec!["common".into()])
        );
        assert_eq!(
            (header(2, "x-last"), header(3, "x-all")),
            (vec!["z".into()], vec!["yes".into()])
        );
        assert_eq!(&**calls[1].request.body(), b"{\"a\":1}");
        assert_eq!(&**calls[3].request.body(), b"none");
    }

    #[test]
    fn json_is_read_one_object_a_line() {
        let text = concat!(
            "\n{\"method\":\"POST\",\"url\":\"http://a/\",\"body\":\"UHVuY2gh\",",
            "\"header\":{\"X-A\":[\"1\",\"2\"],\"X-B\":[\"3\"]}}\n# a comment\n",
            "{\"method\":\"GET\",\"url\":\"http://b/\"}\n"
        );
        let calls = parse_targets("t.json", text, &Request::default()).expect("valid");
        assert_eq!(calls.len(), 2);
        assert_eq!(&**calls[0].request.body(), b"Punch!");
        let headers = calls[0].request.all_headers(&calls[0].target);
        for header in [("X-A", "1"), ("X-A", "2"), ("X-B", "3")] {
            let is_it = |(name, value): &(String, String)| (&**name, &**value) == header;
            assert!(headers.iter().any(is_it), "{header:?} in {headers:?}");
        }
        assert_eq!(calls[1].target.to_string(), "http://b/");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file_and_line() {
        for (text, part) in [
            ("", "t has no request"),
            ("# nothing\n\n", "t has no request"),
            ("http://h/\n", "t:1: expected METHOD URL"),
            ("X-A: b\n", "t:1: expected METHOD URL"),
            ("GET http://h/\n\nX-A: b\n", "t:3: expected METHOD URL"),
            (
                "GET http://h/\nnonsense\n",
                "t:2: expected METHOD URL, a header",
            ),
            ("GET h\n", "t:1: column 1: a URL starts with http"),
            ("GET http://u:secret@h/\n", "t:1: column 16: "),
            ("CONNECT http://h/\n", "t:1: \"CONNECT\" is not a method"),
            (
                "GET http://h/\nContent-Length: 5\n",
                "t:2: the header \"Content-Length\"",
            ),
            ("GET http://h/\na b: c\n", "t:2: the header \"a b\""),
            (
                "\nPOST http://h/\n@/nowhere/b\n",
                "t:3: cannot read the body /nowhere/b",
            ),
            (
                "POST http://h/\n@/dev/null\n@/dev/null\n",
                "t:3: a second body",
            ),
            ("{\n", "t:1: column 1: EOF"),
            ("{}\n", "t:1: column 2: missing field `method`"),
            ("{\"method\":\"GET\"}\n", "missing field `url`"),
            (
                "{\"method\":\"GET\",\"url\":\"http://h/\",\"x\":1}\n",
                "unknown field `x`",
            ),
            (
                "{\"method\":\"GET\",\"url\":\"http://h/\",\"body\":\"?\"}\n",
                "t:1: the body must be in base64",
            ),
            ("{\"method\":\"GET\",\"url\":\"x\"}\n", "t:1: column 1"),
            (
                "{\"method\":\"GET\",\"url\":\"http://h/\"}\nGET http://h/\n",
                "t:2: column 1",
            ),
        ] {
            let error = parse_targets("t", text, &Request::default()).expect_err(text);
            let said = error.to_string();
            assert!(
                said.contains(part) && !said.contains("secret"),
                "{text:?}: {said}"
            );
        }
    }
}
