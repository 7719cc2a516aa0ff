#!/usr/bin/env python3
"""Holds the comments of Rust files to one width, which rustfmt does on its nightly channel only.

  scripts/comment-width.py [--fix] [FILE...]     without files: all of the repository's

Prints each comment line (//, ///, //!) that is longer than 100 characters, and fails if there is one.
A line that cannot be broken may be longer: a single word such as an address, a table's row, code.
--fix wraps what can be wrapped: plain paragraphs and list items that have a line too long. Nothing else
changes, and never a word. `python3 -m doctest scripts/comment-width.py` tests it.
"""

import re
import subprocess
import sys

WIDTH = 100

# Comments, and what only looks like one: texts, raw texts and characters.
TOKEN = re.compile(
    r"""
      (?P<line>//[^\n]*)
    | /\*.*?\*/
    | (?<!\w)[bc]?r(?P<hashes>\#*)".*?"(?P=hashes)
    | [bc]?"(?:\\.|[^"\\])*"
    | b?'(?:\\u\{[^}\n]*\}|\\x..|\\.|[^'\\\n])'
    """,
    re.VERBOSE | re.DOTALL,
)
COMMENT = re.compile(r"(?P<marker>\s*//[/!]?)(?P<text>.*)")
FENCE = re.compile(r"\s*(?:```|~~~)")
ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)]) +")
# What a comment's text is left alone for: code, headings, tables, quotes, HTML, the target of a link,
# a break that somebody wants, and whatever is aligned by hand.
FIXED = re.compile(r"\s{4,}|\s*(?:#|\||>|<(?!https?:)[a-z/!])|\s*\[[^]]+\]:|.*(?:  |\\)$|\s*\S.*\S  +\S")
# A word that would begin something else at the start of a line, or belongs to the one before it.
BEGINS = re.compile(r"(?:[-*+>|%]|#+|\d+[.)]|%[.,;:)]*|```.*|~~~.*)$")


def comment_lines(source):
    """The numbers (from 0) of the lines that are nothing but a comment.

    >>> comment_lines('// a\\nlet b = "\\n// no";  // c\\n  //! d\\nlet r = r#"\\n// " no\\n"#;\\n')
    [0, 3]
    >>> comment_lines("let c = '\\"'; // no\\n// yes\\nfn f<'a>(x: &'a str) {}\\n// yes")
    [1, 3]
    """
    numbers = []
    for token in TOKEN.finditer(source):
        if token["line"] is None:
            continue
        before = source[source.rfind("\n", 0, token.start()) + 1 : token.start()]
        if not before.strip():
            numbers.append(source.count("\n", 0, token.start()))
    return numbers


def blocks(source):
    """Runs of comment lines with one indentation and one marker, as (first line, marker, texts).

    >>> list(blocks("/// a\\n/// b\\n// c\\n\\n// d"))
    [(0, '///', ['a', 'b']), (2, '//', ['c']), (4, '//', ['d'])]
    """
    lines = source.split("\n")
    block = None
    for number in comment_lines(source):
        found = COMMENT.match(lines[number])
        marker, text = found["marker"], found["text"].removeprefix(" ")
        if block and marker == block[1] and number == block[0] + len(block[2]):
            block[2].append(text)
        else:
            if block:
                yield block
            block = (number, marker, [text])
    if block:
        yield block


def paragraphs(texts):
    """Cuts a block into (first line, texts, whether it may be wrapped).

    >>> for part in paragraphs(["a", "b", "", "- c", "  d", "- e", "```", "x  y", "```"]): print(part)
    (0, ['a', 'b'], True)
    (2, [''], False)
    (3, ['- c', '  d'], True)
    (5, ['- e'], True)
    (6, ['```'], False)
    (7, ['x  y'], False)
    (8, ['```'], False)
    """
    part, fenced = None, False
    for number, text in enumerate(texts):
        fence = bool(FENCE.match(text))
        item = ITEM.match(text)
        fixed = fenced or fence or not text.strip() or (not item and bool(FIXED.match(text)))
        fenced ^= fence
        if part and not fixed and not item and part[2]:
            part[1].append(text)
            continue
        if part:
            yield part
        part = (number, [text], not fixed)
    if part:
        yield part


def words(text):
    """Words, with code in backticks kept together, and what would begin something else kept behind.

    >>> words("a `b c`, d - e (`f g`) 1. h")
    ['a', '`b c`,', 'd -', 'e', '(`f g`) 1.', 'h']
    """
    found = []
    for word in re.findall(r"(?:`[^`]*`|[^\s`]|`)+", text):
        if found and BEGINS.match(word):
            found[-1] += " " + word
        else:
            found.append(word)
    return found


def wrap(texts, width):
    """A paragraph's lines, none of them longer than they must be; a list item's hang under its text.

    >>> wrap(["- one two", "  three four"], 10)
    ['- one two', '  three', '  four']
    >>> wrap(["one two", "three"], 9)
    ['one two', 'three']
    """
    item = ITEM.match(texts[0])
    first = item[0] if item else re.match(r"\s*", texts[0])[0]
    hanging = " " * len(first)
    lines = []
    for word in words(" ".join([texts[0][len(first) :]] + [text.strip() for text in texts[1:]])):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append((hanging if lines else first) + word)
    assert " ".join(lines).split() == " ".join(texts).split(), texts
    return lines


def mend(source):
    r"""The file with its long paragraphs wrapped.

    >>> long = "word " * 30
    >>> [len(line) for line in mend("/// short\n/// lines\n\n    // " + long.strip()).split("\n")]
    [9, 9, 0, 96, 66]
    """
    lines = source.split("\n")
    for start, marker, texts in reversed(list(blocks(source))):
        wrapped = []
        for _, part, free in paragraphs(texts):
            width = WIDTH - len(marker) - 1
            if free and max(map(len, part)) > width:
                part = wrap(part, width)
            wrapped.extend(part)
        if wrapped != texts:
            lines[start : start + len(texts)] = [f"{marker} {text}".rstrip() for text in wrapped]
    return "\n".join(lines)


def too_long(source):
    """The numbers (from 1) of the comment lines that are too long and could be broken.

    >>> list(too_long("// " + "word " * 30 + "\\n// https://" + "a" * 100 + "\\n/// | a |" + " " * 100 + "|"))
    [1]
    """
    for start, marker, texts in blocks(source):
        for first, part, _ in paragraphs(texts):
            for offset, text in enumerate(part):
                number = start + first + offset
                unbreakable = len(words(text)) == 1 or ("|" == text.lstrip()[:1])
                if len(marker) + 1 + len(text) > WIDTH and not unbreakable:
                    yield number + 1


def main(arguments):
    fix = "--fix" in arguments
    files = [argument for argument in arguments if argument != "--fix"]
    if any(file.startswith("-") for file in files):
        sys.exit(__doc__)
    if not files:
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.rs"]
        files = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")[:-1]
    found = 0
    for file in files:
        with open(file, encoding="utf-8", newline="") as opened:
            source = opened.read()
        if fix and (mended := mend(source)) != source:
            with open(file, "w", encoding="utf-8", newline="") as opened:
                opened.write(mended)
            source = mended
        for number in too_long(source):
            print(f"{file}:{number}: this comment is longer than {WIDTH} characters")
            found += 1
    if found:
        sys.exit(f"comment-width: {found} lines are too long; --fix wraps paragraphs")
    print(f"comment-width: no comment is longer than {WIDTH} characters")


if __name__ == "__main__":
    main(sys.argv[1:])
