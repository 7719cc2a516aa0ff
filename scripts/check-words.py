#!/usr/bin/env python3
"""Holds documents, help texts and messages to one set of words, and sentences to a length that can be read once.

  scripts/check-words.py [--all] [FILE...]     without files: all of the repository's, and the last commits' subjects

- scripts/words.txt lists words and phrases that are not used, and what is said instead. They are looked for in Markdown
  outside of code, in Rust's texts (messages, log lines, errors), and in the documentation comments of command lines, which
  clap shows as --help. Tests are left out.
- A sentence of a document has at most 30 words, outside of tables and code.
- The subject of each of the last 30 commits has at most 72 characters.

--all also prints sentences of 26 to 30 words and does not fail for them. `python3 -m doctest scripts/check-words.py`
tests it.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LONGEST = 30
ADVISED = 25
SUBJECT = 72
COMMITS = 30

# Texts of Rust files, which may span lines, and documentation comments.
RUST = re.compile(
    r"""
      (?P<documentation>^[ \t]*//[/!](?P<comment>[^\n]*))
    | //[^\n]*
    | r(?P<hashes>\#*)"(?P<raw>.*?)"(?P=hashes)
    | "(?P<text>(?:\\.|[^"\\])*)"
    | b?'(?:\\u\{[^}\n]*\}|\\x..|\\.|[^'\\\n])'
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod \w+ \{", re.MULTILINE)


def words(path=ROOT / "scripts" / "words.txt"):
    """Each pattern that is not used, with what is said instead."""
    rules = []
    for line in path.read_text().splitlines():
        line = line.strip()
        if line and not line.startswith("#"):
            wrong, _, right = line.partition(" -> ")
            rules.append((re.compile(rf"(?<![\w`-])(?:{wrong})(?![\w`-])", re.IGNORECASE), right))
    return rules


def prose(markdown):
    """The lines of a page without code, tables, links' targets and comments; numbered as in the file.

    >>> list(prose("a `b c` [d e](f)\\n```\\ncode\\n```\\n| a | b |\\n"))
    [(1, 'a CODE d e'), (2, ''), (3, ''), (4, ''), (5, '')]
    """
    fenced = False
    for number, line in enumerate(markdown.splitlines(), 1):
        fence = line.lstrip().startswith("```")
        if fence:
            fenced = not fenced
        if fence or fenced or line.lstrip().startswith(("|", "#", "<!--", "![", "    ")):
            yield number, ""
            continue
        line = re.sub(r"`[^`]*`", "CODE", line)
        line = re.sub(r"<[^>]*>", "LINK", line)
        yield number, re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line)


def table_words(markdown):
    """The lines of a page outside of code; tables, too, have words."""
    fenced = False
    for number, line in enumerate(markdown.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "`", line))


def sentences(markdown):
    """Each sentence with the number of its first line.

    >>> list(sentences("One. Two words\\nmore.\\n\\n- An item\\n- Another one: yes.\\n"))
    [(1, 'One.'), (1, 'Two words more.'), (4, 'An item'), (5, 'Another one: yes.')]
    """
    paragraphs, current = [], None
    for number, line in prose(markdown):
        begins = re.match(r"\s*(?:[-*+]|\d+\.) ", line)
        if not line.strip() or begins:
            current = None
        if line.strip():
            text = line[begins.end() :] if begins else line
            if current is None:
                current = []
                paragraphs.append(current)
            current.append((number, text.strip()))
    for lines in paragraphs:
        text, starts = "", []
        for number, line in lines:
            starts.append((len(text), number))
            text += line + " "
        at = 0
        for part in re.split(r"(?<=[.!?])[*_)\"]*\s+(?=[\W_]*[A-Z0-9])", text.strip()):
            at = text.index(part, at)
            yield max(number for start, number in starts if start <= at), part
            at += len(part)


def length(sentence):
    """The number of words.

    >>> length("It has 3 words - or more: 80 % of a/b.")
    9
    """
    return sum(any(sign.isalnum() for sign in word) for word in sentence.split())


def rust_texts(source):
    """Texts of a Rust file before its tests, and what clap shows, with their lines.

    >>> list(rust_texts('/// Help.\\nuse clap::Args; fn f() { g("a \\\\\\n  b"); } // "c"\\n#[cfg(test)]\\nmod tests {\\n"d"'))
    [(1, ' Help.'), (2, 'a b')]
    """
    tests = TESTS.search(source)
    source = source[: tests.start()] if tests else source
    is_command_line = "clap::" in source
    for found in RUST.finditer(source):
        text = found["raw"] or found["text"] or (is_command_line and found["comment"])
        if text:
            line = source.count("\n", 0, found.start()) + 1
            yield line, re.sub(r"`[^`]*`", "`", re.sub(r"\\n?\s*\n\s*", " " if "\\\n" not in text else "", text))


def files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md", "*.rs"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()
    return [name for name in listed if (ROOT / name).is_file()]


def is_checked(name):
    is_test = re.search(r"(?:^|/)(?:tests|benches|examples|test-support|fuzz)/|tests?\.rs$", name)
    return not is_test and name != "CHANGELOG.md"


def subjects():
    log = ["git", "log", f"-{COMMITS}", "--no-merges", "--format=%h %s"]
    printed = subprocess.run(log, cwd=ROOT, capture_output=True, text=True)
    for line in printed.stdout.splitlines():
        commit, _, subject = line.partition(" ")
        if len(subject) > SUBJECT:
            yield f"{commit}: the subject has {len(subject)} characters, at most {SUBJECT} are read: {subject}"


def problems(name, rules, advise):
    text = (ROOT / name).read_text()
    lines = rust_texts(text) if name.endswith(".rs") else table_words(text)
    for number, line in lines:
        for pattern, right in rules:
            for found in pattern.finditer(line):
                yield f"{name}:{number}: “{found[0]}”: say {right}"
    if name.endswith(".md"):
        for number, sentence in sentences(text):
            count = length(sentence)
            if count > LONGEST:
                yield f"{name}:{number}: a sentence of {count} words: {sentence[:70]}…"
            elif advise and count > ADVISED:
                print(f"{name}:{number}: {count} words: {sentence[:70]}…")


def main():
    advise = "--all" in sys.argv[1:]
    named = [name for name in sys.argv[1:] if not name.startswith("--")]
    rules = words()
    found = [
        problem for name in named or filter(is_checked, files()) for problem in problems(name, rules, advise)
    ]
    if not named:
        found += subjects()
    print(*found, sep="\n", end="\n" if found else "")
    if found:
        sys.exit(f"check-words: {len(found)} to mend; scripts/words.txt has the words")
    print("check-words: one set of words, and no sentence of more than", LONGEST, "words")


if __name__ == "__main__":
    main()
