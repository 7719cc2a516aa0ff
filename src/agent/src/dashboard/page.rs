//! The agent's page: a few files of the program, no dependency, kept current by `/events`.

use actix_web::{HttpResponse, http::header::CONTENT_SECURITY_POLICY};

use super::protection::NOTHING;

/// Decisions that the page lists.
pub(super) const DECISIONS_SHOWN: usize = 25;

/// One file of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    pub(super) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const fn file(path: &'static str, kind: &'static str, text: &'static str) -> File {
    File { path, kind, text }
}

/// Every file of the page.
pub(super) const FILES: [File; 9] = [
    file("/", HTML, include_str!("page.html")),
    file(
        "/page.css",
        "text/css; charset=utf-8",
        include_str!("page.css"),
    ),
    file("/page.js", SCRIPT, include_str!("page.js")),
    file("/overview.js", SCRIPT, include_str!("overview.js")),
    file("/link.js", SCRIPT, include_str!("link.js")),
    file("/words.js", SCRIPT, include_str!("words.js")),
    file("/charts.js", SCRIPT, include_str!("charts.js")),
    file("/svg.js", SCRIPT, include_str!("svg.js")),
    file("/favicon.svg", "image/svg+xml", include_str!("favicon.svg")),
];

impl File {
    pub(super) fn answer(self) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        answer.content_type(self.kind);
        if self.kind == HTML {
            answer.insert_header((CONTENT_SECURITY_POLICY, policy()));
        }
        answer.body(self.text)
    }
}

/// The page runs and loads what this server has, and nothing that stands in the page itself.
fn policy() -> String {
    let own = ["script-src", "style-src", "img-src", "connect-src"];
    let own = own.map(|what| format!("; {what} 'self'"));
    NOTHING.to_owned() + &own.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_page_needs_more_than_its_policy_allows() {
        let page = FILES[0].text.to_lowercase();
        assert!(!page.contains("<style"));
        for tag in page
            .split('<')
            .map(|tag| tag.split('>').next().unwrap_or_default())
        {
            for inline in [" on", " style=", "javascript:", "http:", "https:"] {
                assert!(!tag.contains(inline), "{inline}: {tag}");
            }
            let runs = tag.strip_prefix("script");
            assert!(runs.is_none_or(|tag| tag.contains(" src=\"")), "{tag}");
        }
        assert!(!policy().contains("unsafe"), "{}", policy());
    }

    /// The relative luminance of a colour such as `#1a1d21`.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let part = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
            let share = f64::from(part) / 255.0;
            if share <= 0.040_45 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    #[test]
    fn every_colour_of_text_stands_out_in_light_and_dark() {
        let css = FILES.iter().find(|file| file.path == "/page.css");
        let schemes: Vec<&str> = css.unwrap().text.split(":root {").skip(1).take(2).collect();
        assert_eq!(schemes.len(), 2);
        for scheme in schemes {
            let colour = |name: &str| {
                let (_, rest) = scheme.split_once(&format!("--{name}: ")).expect(name);
                luminance(&rest[..7])
            };
            let contrast = |text: &str, ground: &str| {
                let (text, ground) = (colour(text), colour(ground));
                (text.max(ground) + 0.05) / (text.min(ground) + 0.05)
            };
            for text in ["text", "soft", "ok", "bad", "act"] {
                for ground in ["ground", "raised"] {
                    let found = contrast(text, ground);
                    assert!(found >= 4.5, "{text} on {ground}: {found}");
                }
            }
            assert!(contrast("warn-text", "warn-ground") >= 4.5);
            for line in ["cpu", "limit", "warn-line"] {
                assert!(contrast(line, "ground") >= 3.0, "{line}");
            }
        }
    }

    #[test]
    fn every_file_that_is_named_is_served() {
        let paths = FILES.map(|file| file.path);
        let texts = FILES.iter().map(|file| file.text);
        let mut named = 0;
        for text in texts {
            for begin in ["src=\"", "href=\"", "from \"./"] {
                for name in text.split(begin).skip(1) {
                    let name = name.split('"').next().unwrap_or_default();
                    let (_, kind) = name.rsplit_once('.').unwrap_or_default();
                    if ["js", "css", "svg"].contains(&kind) {
                        named += 1;
                        assert!(paths.contains(&format!("/{name}").as_str()), "{name}");
                    }
                }
            }
        }
        assert!(named >= 6, "{named}");
    }

    #[test]
    fn no_file_is_written_by_hand_into_a_page_of_html() {
        for file in FILES {
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!file.text.contains(way), "{}: {way}", file.path);
            }
        }
    }
}
