#!/usr/bin/env python3
"""Checks a book that mdBook has built: every page of docs/ is a chapter, and every link of a page leads somewhere.

  scripts/book/check.py FOLDER

A link within the book leads to a file that is there; its anchor is the id of an element there. Links to other places are
not followed. Says where each mistake stands.
"""

import pathlib
import re
import sys
import urllib.parse
from html.parser import HTMLParser


class Page(HTMLParser):
    """The ids of a page, and where it leads to."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)

    handle_startendtag = handle_starttag


def problems(book):
    """The links that lead nowhere, and of which page each is."""
    pages = {path.resolve(): Page(path) for path in sorted(book.rglob("*.html"))}
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path:
                target = (path.parent / urllib.parse.unquote(parts.path)).resolve()
            anchor = urllib.parse.unquote(parts.fragment)
            name = path.relative_to(book)
            if not target.is_relative_to(book):
                yield f"{name}: {link} leaves the book"
            elif not target.is_file():
                yield f"{name}: {link}: there is no such file"
            elif anchor and anchor not in pages[target].ids:
                yield f"{name}: {link}: there is no such place on that page"


def left_out(docs):
    """The pages that the table of contents does not name."""
    named = re.findall(r"\]\(([^)]+)\)", (docs / "SUMMARY.md").read_text())
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} - {"SUMMARY.md"}
    return sorted(pages - set(named))


def main():
    book = pathlib.Path(sys.argv[1]).resolve()
    found = [f"docs/{name} is not in docs/SUMMARY.md" for name in left_out(pathlib.Path("docs"))]
    # The page of a wrong address names its links from the root of a server.
    found += [problem for problem in problems(book) if not problem.startswith("404.html: ")]
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(f"{len(found)} mistakes in the book" if found else 0)


if __name__ == "__main__":
    main()
