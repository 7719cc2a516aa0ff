#!/usr/bin/env python3
"""A preprocessor of mdBook, which book.toml names: it lets pages link as GitHub wants it.

A chapter may lie outside docs/ (../ARCHITECTURE.md); it gets a place in the book. A link to a chapter leads to that
place. A link to another file of the repository leads there, if book.toml or MDBOOK_OUTPUT__HTML__GIT_REPOSITORY_URL
says where the repository is; else its text remains without a link. `python3 -m doctest scripts/book/repository.py`
tests it.
"""

import json
import posixpath
import re
import sys

DOCS = "docs"

FENCED = re.compile(r"(^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\2[`~]*[ \t]*$)", re.MULTILINE | re.DOTALL)

# Code, which stays as it is, or a link or picture.
LINK = re.compile(
    r"""
      (?P<code>(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))
    | (?P<picture>!?)\[(?P<text>(?:[^\[\]`]|`[^`]*`|!\[[^\]]*\]\([^)]*\))*)\]\((?P<target>[^)\s]+)\)
    """,
    re.VERBOSE | re.DOTALL,
)


def place(source):
    """Where a file of the repository is in the book, if it is a chapter.

    >>> [place(f"{DOCS}/nixos.md"), place("ARCHITECTURE.md"), place("loadtest/README.md"), place("README.md")]
    ['nixos.md', 'architecture.md', 'loadtest.md', 'index.md']
    """
    if source.startswith(f"{DOCS}/"):
        return source[len(DOCS) + 1 :]
    folder, name = posixpath.split(source)
    if name == "README.md":
        return f"{posixpath.basename(folder)}.md" if folder else "index.md"
    return name.lower()


def rewrite(text, source, places, repository):
    """The text of a page with links that hold in the book.

    >>> places = {"docs/nixos.md": "nixos.md", "ARCHITECTURE.md": "architecture.md"}
    >>> def show(text, source="docs/nixos.md", repository=None): print(rewrite(text, source, places, repository))
    >>> show("[a](../ARCHITECTURE.md#code-map) [b](https://x/y.md) [c](#d) [e](compose/compose.yml)")
    [a](architecture.md#code-map) [b](https://x/y.md) [c](#d) [e](compose/compose.yml)
    >>> show("[`a`](../src/policy/src/size.rs), `[b](../src/policy/src/step.rs)`")
    `a`, `[b](../src/policy/src/step.rs)`
    >>> show("[`a`](../src/policy/src/size.rs)", repository="https://github.com/me/it/")
    [`a`](https://github.com/me/it/blob/HEAD/src/policy/src/size.rs)
    >>> show("![f](docs/img/timeline.svg)\\n```\\n[g](docs/nixos.md)\\n```\\n[h](docs/nixos.md)", "ARCHITECTURE.md")
    ![f](img/timeline.svg)
    ```
    [g](docs/nixos.md)
    ```
    [h](nixos.md)
    """

    def link(found):
        target = found["target"]
        if found["code"] or re.match(r"[a-z][a-z0-9+.-]*:|#", target):
            return found[0]
        path, hash_sign, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        here = posixpath.dirname(places[source]) or "."
        if path in places or path.startswith(f"{DOCS}/"):
            target = posixpath.relpath(places.get(path) or place(path), here)
        elif repository:
            target = f"{repository.rstrip('/')}/blob/HEAD/{path}"
        else:
            return found["text"]
        return f"{found['picture']}[{found['text']}]({target}{hash_sign}{anchor})"

    parts = FENCED.split(text)
    # Of three parts, one is text, one a block of code, and one the fence within it.
    return "".join(LINK.sub(link, part) if at % 3 == 0 else part for at, part in enumerate(parts) if at % 3 != 2)


def chapters(items):
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            yield item["Chapter"]
            yield from chapters(item["Chapter"]["sub_items"])


def main():
    context, book = json.load(sys.stdin)
    html = context["config"].get("output", {}).get("html", {})
    repository = html.get("git-repository-url")
    written = [chapter for chapter in chapters(book["items"]) if chapter["path"]]
    sources = [posixpath.normpath(posixpath.join(DOCS, chapter["path"])) for chapter in written]
    places = {source: place(source) for source in sources}
    if len(set(places.values())) < len(places):
        sys.exit(f"two chapters have one place in the book: {places}")
    for chapter, source in zip(written, sources):
        chapter["path"] = places[source]
        chapter["content"] = rewrite(chapter["content"], source, places, repository)
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["supports"]:
        sys.exit(sys.argv[2] != "html")
    main()
