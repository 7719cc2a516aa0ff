//! The page at `/`: three files, no dependency and nothing from elsewhere. It asks `/_local` each
//! second.

use actix_web::HttpResponse;

/// What the page may do: load its own two files and ask its own server.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files by what follows `/_local/`, with their kind and text; `/` is the page.
pub(super) const FILES: [(&str, &str, &str); 3] = [
    ("/", "text/html", include_str!("page/index.html")),
    ("page.css", "text/css", include_str!("page/page.css")),
    ("page.js", "text/javascript", include_str!("page/page.js")),
];

/// A file of the page.
pub(super) fn file(path: &str) -> Option<HttpResponse> {
    let (_, kind, text) = FILES.into_iter().find(|(of, ..)| *of == path)?;
    let mut answer = HttpResponse::Ok();
    answer.content_type(format!("{kind}; charset=utf-8"));
    Some(answer.body(text))
}
