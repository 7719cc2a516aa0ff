//! The arguments that say what is sent, and what the responses must be.

#![expect(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "--help shows these texts as they are"
)]

use std::{
    env::{self, VarError},
    fmt, io,
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use loadtest::{
    Call, Checks, Credentials, Data, DataOrder, ExpectedHeader, ExpectedJson, ExpectedStatuses,
    Request, Target,
};

use super::{
    args::column,
    files::{Named, is_stdout},
};

/// Holds USER:PASSWORD where the command line does not say it.
const BASIC_AUTH: &str = "LOADTEST_BASIC_AUTH";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DataOrderArg {
    /// One after another, over all threads and slices
    InTurn,
    /// Any row each time
    Random,
}

// What may hold a password is not parsed by clap, whose errors repeat what they refuse.
#[derive(Args)]
pub(crate) struct RequestArgs {
    /// Target URL, such as http://127.0.0.1:8080/path; several are asked in turn
    ///
    /// Path and query, headers and body may have {{counter}} (0, 1, 2, …: no other request has the
    /// same), {{random 1000}} (from 1 to 1000), {{uuid}}, and {{NAME}} for a column of --data. In a
    /// URL their values are percent-encoded. {{{{ is sent as {{, and a single brace as it is.
    #[arg(required_unless_present = "targets")]
    url: Vec<String>,

    /// Send the requests of this file in turn; - for standard input
    ///
    /// It has vegeta's formats. Lines: METHOD URL, then headers, then @FILE with the body, then a
    /// blank line; # begins a comment. Or one JSON object a line: {"method": "POST", "url": "…",
    /// "body": "BASE64", "header": {"NAME": ["VALUE"]}}. --header and --body hold for those that do
    /// not have their own.
    #[arg(long, help_heading = "Request", value_name = "FILE", conflicts_with_all = ["url", "method"])]
    targets: Option<PathBuf>,
    /// Request method
    #[arg(short, long, help_heading = "Request", default_value = "GET")]
    method: String,
    /// Request header; may be repeated
    #[arg(
        short = 'H',
        long,
        help_heading = "Request",
        value_name = "NAME: VALUE"
    )]
    header: Vec<String>,
    /// Request body
    #[arg(short, long, help_heading = "Request")]
    body: Option<String>,
    /// Read the request body from a file
    #[arg(
        long,
        help_heading = "Request",
        value_name = "FILE",
        conflicts_with = "body"
    )]
    body_file: Option<PathBuf>,
    /// Rows of values for {{NAME}}: a CSV file whose first row names the columns
    #[arg(long, help_heading = "Request", value_name = "FILE")]
    data: Option<PathBuf>,
    /// Which row of --data a request gets
    #[arg(
        long,
        help_heading = "Request",
        value_name = "ORDER",
        value_enum,
        default_value = "in-turn",
        requires = "data"
    )]
    data_order: DataOrderArg,
    /// User and password for basic authentication; @FILE reads them from a file
    ///
    /// Other users of this machine can see a command line: @FILE, or the environment variable
    /// LOADTEST_BASIC_AUTH, keeps the password from them. No report shows it.
    #[arg(long, help_heading = "Request", value_name = "USER:PASSWORD")]
    basic_auth: Option<String>,
    /// Follow redirects, at most so many for a request (10 without a number)
    ///
    /// They count as one request, with one --timeout. Credentials and cookies are not sent to
    /// another origin.
    #[arg(
        long,
        help_heading = "Request",
        value_name = "COUNT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "10",
        value_parser = clap::value_parser!(u32).range(1..=100)
    )]
    follow_redirects: Option<u32>,
}

impl RequestArgs {
    /// The files that are read.
    pub(super) fn files(&self) -> impl Iterator<Item = Named<'_>> {
        let files = [
            ("--body-file", &self.body_file),
            ("--data", &self.data),
            ("--targets", &self.targets),
        ];
        let named = files
            .into_iter()
            .filter_map(|(flag, path)| Some((flag, path.as_deref()?)));
        named.filter(|(_, path)| !is_stdout(path))
    }

    /// What is sent, in turn; at least one.
    pub(super) fn calls(&self) -> anyhow::Result<Vec<Call>> {
        let request = self.request()?;
        let Some(file) = &self.targets else {
            let targets = self.url.iter().map(|url| url.parse::<Target>());
            let calls = targets.map(|target| {
                target.map(|target| Call {
                    target,
                    request: request.clone(),
                })
            });
            return Ok(calls.collect::<Result<_, _>>()?);
        };
        let (name, text) = if is_stdout(file) {
            ("standard input".to_owned(), io::read_to_string(io::stdin()))
        } else {
            (file.display().to_string(), std::fs::read_to_string(file))
        };
        let text = text.with_context(|| format!("cannot read {name} (--targets)"))?;
        Ok(loadtest::parse_targets(&name, &text, &request)?)
    }

    fn request(&self) -> anyhow::Result<Request> {
        let mut request = Request::new(&self.method).context("--method")?;
        for header in &self.header {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("--header {header:?}: expected 'Name: value'"))?;
            request = request.header(name.trim(), value).context("--header")?;
        }
        let body = match &self.body_file {
            Some(file) => std::fs::read(file)
                .with_context(|| format!("cannot read {} (--body-file)", file.display()))?,
            None => self.body.clone().unwrap_or_default().into_bytes(),
        };
        Ok(request.with_body(body))
    }

    pub(super) fn data(&self) -> anyhow::Result<Option<Arc<Data>>> {
        let order = match self.data_order {
            DataOrderArg::InTurn => DataOrder::InTurn,
            DataOrderArg::Random => DataOrder::Random,
        };
        let data = self.data.as_ref().map(|file| Data::read(file, order));
        Ok(data.transpose().context("--data")?.map(Arc::new))
    }

    /// From the command line, a file that it names, or the environment.
    pub(super) fn credentials(&self) -> anyhow::Result<Option<Credentials>> {
        let has_own = self.header.iter().any(|header| {
            let name = header.split(':').next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case("authorization")
        });
        let (place, text) = match (&self.basic_auth, env::var(BASIC_AUTH)) {
            (Some(_), _) if has_own => {
                bail!("--basic-auth and a header Authorization exclude each other: give one")
            }
            (None, _) if has_own => return Ok(None),
            (Some(given), _) => match given.strip_prefix('@') {
                None => ("--basic-auth".to_owned(), given.clone()),
                Some(file) => {
                    let text = std::fs::read_to_string(file)
                        .with_context(|| format!("cannot read {file} (--basic-auth)"))?;
                    let text = text.trim_end_matches(['\r', '\n']).to_owned();
                    (format!("{file} (--basic-auth)"), text)
                }
            },
            (None, Ok(text)) if text.is_empty() => return Ok(None),
            (None, Ok(text)) => (BASIC_AUTH.to_owned(), text),
            (None, Err(VarError::NotPresent)) => return Ok(None),
            (None, Err(VarError::NotUnicode(_))) => bail!("{BASIC_AUTH} is not UTF-8"),
        };
        Ok(Some(text.parse::<Credentials>().context(place)?))
    }

    pub(super) fn redirects(&self) -> u32 {
        self.follow_redirects.unwrap_or(0)
    }
}

/// Without what may be a password.
impl fmt::Debug for RequestArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestArgs").finish_non_exhaustive()
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Checks")]
#[expect(clippy::struct_field_names, reason = "each is the name of an option")]
pub(crate) struct CheckArgs {
    /// Statuses that count as success, such as 200,201,3xx,410-419, instead of those below 400
    #[arg(long, value_name = "LIST", value_parser = column::<ExpectedStatuses>)]
    expect_status: Option<ExpectedStatuses>,
    /// Text that each response's body must contain; may be repeated
    ///
    /// A response that fails a check counts as failed, by the kind "check". Bodies are looked at as
    /// they arrive, up to 1 MiB, and only if a check asks for it.
    #[arg(long, value_name = "TEXT")]
    expect_body: Vec<String>,
    /// Value that each response's JSON must have, such as /items/0/id or /status=ok; may be
    /// repeated
    ///
    /// POINTER is a JSON pointer (RFC 6901). Without VALUE it is enough that there is one. VALUE is
    /// a string's text, or JSON: true, 5, null. A key with a "=" needs the form for URLs:
    /// '#/a%3Db=5'.
    #[arg(long, value_name = "POINTER[=VALUE]", value_parser = column::<ExpectedJson>)]
    expect_json: Vec<ExpectedJson>,
    /// Header that each response must have, with this whole value if one is given; may be repeated
    #[arg(long, value_name = "NAME[: VALUE]", value_parser = column::<ExpectedHeader>)]
    expect_header: Vec<ExpectedHeader>,
}

impl CheckArgs {
    pub(super) fn checks(&self) -> Checks {
        Checks {
            statuses: self.expect_status.clone(),
            headers: self.expect_header.clone(),
            json: self.expect_json.clone(),
            bodies: self.expect_body.clone(),
        }
    }
}
