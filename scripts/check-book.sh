#!/usr/bin/env bash
# Makes the book of docs/ in target/book, and checks its links and that no page is left out.
#
#   scripts/check-book.sh
#
# Needs mdbook (`cargo install --locked --no-default-features --features search mdbook@0.5.4`) and python3. The first
# page is target/book/index.html.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v mdbook >/dev/null || {
  echo "check-book: there is no mdbook; the head of scripts/check-book.sh says how to install it" >&2
  exit 1
}
python3 -m doctest scripts/book/repository.py
said=$(mktemp)
trap 'rm -f "$said"' EXIT
mdbook build 2>&1 | tee "$said"
# Such as a tag of HTML that does not end: the page would look otherwise than it was meant.
if grep -q 'WARN\|ERROR' "$said"; then
  echo "check-book: mdbook warns" >&2
  exit 1
fi
python3 scripts/book/check.py target/book
echo "check-book: the book is in target/book, and each of its links leads somewhere"
