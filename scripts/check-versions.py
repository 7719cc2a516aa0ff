#!/usr/bin/env python3
"""Compares the table of versions in README.md with the files that decide them.

  scripts/check-versions.py          fails where the table says something else
  scripts/check-versions.py --fix    writes the table
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN = "<!-- versions: scripts/check-versions.py --fix -->\n"
END = "<!-- end of versions -->"


def said(file, pattern):
    """What a file says in the pattern's group."""
    found = re.search(pattern, (ROOT / file).read_text(), re.MULTILINE)
    if not found:
        sys.exit(f"check-versions: {file} has nothing like {pattern}")
    return found.group(1)


def table():
    rust = said("Cargo.toml", r'^rust-version = "(.*)"')
    compose = "docs/compose/compose.yml"
    terraform = "terraform/versions.tf"
    provider = said("terraform/provider/go.mod", r"exoscale/terraform-provider-exoscale v(\S+)")
    nixpkgs = said("flake.nix", r'github:NixOS/nixpkgs/([^"]*)')
    rows = [
        ("Rust", f"{rust} or later", "`rust-version` in `Cargo.toml`; CI builds with it and with the current one"),
        ("Grafana", said(compose, r"image: grafana/grafana:(\S+)"), "Compose, and once by hand; older alert forms are read, too"),
        ("Prometheus", said(compose, r"image: prom/prometheus:v(\S+)"), "Compose; CI runs Debian's"),
        ("Terraform", said(terraform, r'required_version = "(.*)"'), "`terraform/versions.tf`"),
        ("Exoscale's provider", said(terraform, r'version = "(~.*)"'), f"the same; tests run {provider}"),
        ("Nix", f"nixpkgs `{nixpkgs}`", "`flake.nix`; `flake.lock` pins it"),
    ]
    lines = ["| what | version | from |", "| --- | --- | --- |"]
    lines += [f"| {name} | {version} | {source} |" for name, version, source in rows]
    return "\n".join(lines) + "\n"


def main():
    page = ROOT / "README.md"
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit("check-versions: README.md has no place for the table")
    new = before + BEGIN + table() + END + after
    if "--fix" in sys.argv[1:]:
        page.write_text(new)
    elif new != page.read_text():
        sys.exit("check-versions: README.md has other versions than the files; run scripts/check-versions.py --fix")
    print("check-versions: README.md has the versions of the files")


main()
