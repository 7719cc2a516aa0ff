//! What is sent, whole: what every engine writes in its own form.

use std::borrow::Cow;

use bytes::Bytes;

use crate::{
    credentials::Credentials,
    data::{Data, DataError},
    proxy::Proxy,
    request::Request,
    target::Target,
    template::{Template, TemplateError, Values},
};

/// A request with its address. A plan's are sent in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub target: Target,
    pub request: Request,
}

/// A request with all its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target: Target,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Message {
    pub(crate) fn new(call: &Call, credentials: Option<&Credentials>) -> Self {
        let mut headers = call.request.all_headers(&call.target);
        let has_own = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some(credentials) = credentials.filter(|_| !has_own) {
            headers.push(("authorization".to_owned(), credentials.header()));
        }
        Self {
            method: call.request.method().to_owned(),
            target: call.target.clone(),
            headers,
            body: call.request.body().clone(),
        }
    }

    /// The headers, and the login of the proxy that passes it on unless it has one of its own.
    pub(crate) fn headers_by(
        &self,
        forwarder: Option<&Proxy>,
    ) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let name = "proxy-authorization";
        let login = forwarder.and_then(Proxy::authorization);
        let has_own = self
            .headers
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name));
        let login = login
            .filter(|_| !has_own)
            .map(|value| (name, Cow::Owned(value)));
        let own = self.headers.iter();
        own.map(|(name, value)| (name.as_str(), Cow::Borrowed(value.as_str())))
            .chain(login)
    }

    /// Whether sending it twice does no more than sending it once (RFC 9110, 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        matches!(
            self.method.as_str(),
            "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE"
        )
    }
}

/// Why a request cannot be sent as it is written.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error("in its {place}")]
    Template {
        place: String,
        source: TemplateError,
    },
    #[error(transparent)]
    Data(#[from] DataError),
}

/// A message as a plan has it: the same every time, or with places that are filled in.
#[derive(Clone, Debug)]
pub(crate) enum Draft {
    Fixed(Message),
    Template(MessageTemplate),
}

/// A message with places that are filled in.
#[derive(Clone, Debug)]
pub(crate) struct MessageTemplate {
    message: Message,
    path: Template,
    headers: Vec<(usize, Template)>,
    /// None for a body that is no text.
    body: Option<Template>,
}

impl Draft {
    /// Reads the templates in a message.
    pub(crate) fn new(message: Message, data: Option<&Data>) -> Result<Self, DraftError> {
        let columns = data.map_or(&[][..], Data::columns);
        let read = |text: &str, place: &dyn Fn() -> String| {
            Template::read(text, columns).map_err(|source| DraftError::Template {
                place: place(),
                source,
            })
        };
        let path = read(message.target.path(), &|| "URL".to_owned())?;
        let mut headers = Vec::new();
        for (index, (name, value)) in message.headers.iter().enumerate() {
            let template = read(value, &|| format!("header {name}"))?;
            for column in template.columns() {
                data.map_or(Ok(()), |data| data.check_header(column))?;
            }
            headers.push((index, template));
        }
        let text = std::str::from_utf8(&message.body).ok();
        let body = text
            .map(|text| read(text, &|| "body".to_owned()))
            .transpose()?;
        Ok(Self::of(MessageTemplate {
            message,
            path,
            headers,
            body,
        }))
    }

    /// Puts what is fixed in its place.
    fn of(mut template: MessageTemplate) -> Self {
        let MessageTemplate {
            message,
            path,
            headers,
            body,
        } = &mut template;
        let mut is_fixed = true;
        match path.fixed() {
            Some(path) => message.target.set_path(path.to_owned()),
            None => is_fixed = false,
        }
        headers.retain(|(index, template)| {
            let fixed = template.fixed();
            if let Some(fixed) = fixed {
                fixed.clone_into(&mut message.headers[*index].1);
            }
            fixed.is_none()
        });
        match body.as_ref().map(Template::fixed) {
            None => {}
            Some(None) => is_fixed = false,
            Some(Some(fixed)) => {
                if fixed.len() != message.body.len() {
                    message.body = Bytes::from(fixed.to_owned());
                }
                *body = None;
            }
        }
        if is_fixed && headers.is_empty() {
            Self::Fixed(template.message)
        } else {
            Self::Template(template)
        }
    }

    /// The message, with its places as they are written.
    pub(crate) fn message(&self) -> &Message {
        match self {
            Self::Fixed(message) => message,
            Self::Template(template) => &template.message,
        }
    }

    /// Whether it uses a column of the data.
    pub(crate) fn uses_data(&self) -> bool {
        let Self::Template(template) = self else {
            return false;
        };
        let headers = template.headers.iter().map(|(_, template)| template);
        let mut all = headers.chain([&template.path]).chain(&template.body);
        all.any(|template| template.columns().next().is_some())
    }
}

impl MessageTemplate {
    pub(crate) fn fill(&self, values: &mut Values<'_>) -> Message {
        let mut message = self.message.clone();
        message.target.set_path(self.path.fill_url(values));
        for (index, template) in &self.headers {
            message.headers[*index].1 = template.fill(values);
        }
        if let Some(body) = &self.body {
            message.body = body.fill(values).into();
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, Draft, Message, Values};
    use crate::{credentials::Credentials, request::Request};

    fn call(url: &str, request: Request) -> Call {
        Call {
            target: url.parse().expect("a URL"),
            request,
        }
    }

    fn draft(call: &Call) -> Draft {
        Draft::new(Message::new(call, None), None).expect("valid")
    }

    #[test]
    fn what_has_no_template_is_sent_as_it_is() {
        let request = Request::new("POST")
            .expect("valid")
            .with_body("{{{{x}} {id}");
        let drawn = draft(&call("http://h/{{{{a}}/{id}", request));
        let Draft::Fixed(message) = drawn else {
            panic!("fixed: {drawn:?}")
        };
        assert_eq!(
            (message.target.path(), &*message.body),
            ("/{{a}}/{id}", &b"{{x}} {id}"[..])
        );

        let bytes = b"\xff{{not a name}}".to_vec();
        let drawn = draft(&call(
            "http://h/",
            Request::default().with_body(bytes.clone()),
        ));
        assert!(
            matches!(&drawn, Draft::Fixed(message) if message.body == bytes),
            "{drawn:?}"
        );
    }

    #[test]
    fn every_place_is_filled_in() {
        let request = Request::new("PUT")
            .expect("valid")
            .with_body("n={{counter}}");
        let request = request.header("x-n", "<{{counter}}>").expect("valid");
        let Draft::Template(template) = draft(&call("http://h/{{counter}}?{{{{", request)) else {
            panic!("a template")
        };
        let message = template.fill(&mut Values {
            number: 7,
            row: &csv::StringRecord::new(),
            random: &mut fastrand::Rng::new(),
        });
        assert_eq!(
            (message.target.path(), &*message.body),
            ("/7?{{", &b"n=7"[..])
        );
        assert!(
            message
                .headers
                .contains(&("x-n".to_owned(), "<7>".to_owned()))
        );
    }

    #[test]
    fn an_unknown_name_is_refused_with_its_place() {
        let header = Request::default().header("x-n", "{{a}}").expect("valid");
        for (call, place) in [
            (call("http://h/{{a}}", Request::default()), "URL"),
            (call("http://h/", header), "header x-n"),
            (
                call("http://h/", Request::default().with_body("{{a}}")),
                "body",
            ),
        ] {
            let error = Draft::new(Message::new(&call, None), None).expect_err(place);
            assert_eq!(error.to_string(), format!("in its {place}"));
        }
    }

    #[test]
    fn a_requests_own_authorization_is_not_replaced() {
        let credentials: Credentials = "user:pass:word".parse().expect("valid");
        let own = Request::default()
            .header("Authorization", "Token x")
            .expect("valid");
        for (request, value) in [
            (Request::default(), "Basic dXNlcjpwYXNzOndvcmQ="),
            (own, "Token x"),
        ] {
            let message = Message::new(&call("http://h/", request), Some(&credentials));
            let is_it = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("authorization");
            let all: Vec<_> = message.headers.iter().filter(is_it).collect();
            assert_eq!(all.len(), 1);
            assert_eq!(all[0].1, value);
        }
    }
}
