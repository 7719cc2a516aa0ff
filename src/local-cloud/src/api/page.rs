//! The page at `/`: three files, no dependency and nothing from elsewhere. It asks `/_local` each
//! second.

use actix_web::HttpResponse;

/// What the page may do: load its own two files and ask its own server.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page; `/` is the page.
pub(super) fn file(path: &str) -> Option<HttpResponse> {
    let (kind, text) = match path {
        "/" => ("text/html", include_str!("page/index.html")),
        "page.css" => ("text/css", include_str!("page/page.css")),
        "page.js" => ("text/javascript", include_str!("page/page.js")),
        _ => return None,
    };
    let mut answer = HttpResponse::Ok();
    answer.content_type(format!("{kind}; charset=utf-8"));
    Some(answer.body(text))
}
