"""Runs a derivation's own builder, as Nix does: the same environment, in a folder of its own."""

import hashlib
import json
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from derivations import Attribute, Derivation

BASE32 = "0123456789abcdfghijklmnpqrsvwxyz"

# What Nix gives every builder.
ENVIRONMENT = {
    "PATH": "/path-not-set",
    "HOME": "/homeless-shelter",
    "NIX_STORE": "/nix/store",
    "NIX_BUILD_CORES": "1",
    "NIX_LOG_FD": "2",
    "TERM": "xterm-256color",
}


def run(derivation: Derivation, changes: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the builder. `changes` replaces attributes of the derivation."""
    with tempfile.TemporaryDirectory(prefix="text-build-") as folder:
        top = Path(folder)
        placeholders = {placeholder(name): path for name, path in derivation.outputs.items()}
        environment = ENVIRONMENT | dict.fromkeys(
            ("NIX_BUILD_TOP", "TMPDIR", "TEMPDIR", "TMP", "TEMP", "PWD"), folder
        )
        if derivation.structured is None:
            attributes = json.dumps(derivation.environment | changes)
            environment |= plain(json.loads(replace(attributes, placeholders)), top)
        else:
            attributes = json.dumps({**derivation.structured, "outputs": derivation.outputs})
            environment |= structured(json.loads(replace(attributes, placeholders)), top)
        return subprocess.run(
            [derivation.builder, *derivation.arguments],
            env=environment | derivation.outputs,
            cwd=top,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )


def placeholder(output: str) -> str:
    """What stands for the path of an output in attributes, as `builtins.placeholder` makes it.

    >>> placeholder("out")
    '/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9'
    """
    digest = int.from_bytes(hashlib.sha256(f"nix-output:{output}".encode()).digest(), "little")
    return "/" + "".join(BASE32[digest >> 5 * digit & 31] for digit in reversed(range(52)))


def replace(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        text = text.replace(old, new)
    return text


def plain(attributes: dict[str, str], top: Path) -> dict[str, str]:
    """Attributes are variables, and those that `passAsFile` names are files."""
    environment = dict(attributes)
    for number, name in enumerate(attributes.get("passAsFile", "").split()):
        if name in environment:
            file = top / f".attr-{number}"
            file.write_text(environment.pop(name))
            environment[f"{name}Path"] = str(file)
    return environment


def structured(attributes: dict[str, Attribute], top: Path) -> dict[str, str]:
    """Attributes are a JSON file, and a file for bash to source."""
    (top / ".attrs.json").write_text(json.dumps(attributes))
    (top / ".attrs.sh").write_text("".join(declaration(*item) for item in attributes.items()))
    return {
        "NIX_ATTRS_JSON_FILE": str(top / ".attrs.json"),
        "NIX_ATTRS_SH_FILE": str(top / ".attrs.sh"),
    }


def declaration(name: str, value: Attribute) -> str:
    """An attribute in bash, or nothing where bash has no such value.

    >>> declaration("a", "two words"), declaration("b", True), declaration("c", None)
    ("declare a='two words'\\n", 'declare b=1\\n', "declare c=''\\n")
    >>> declaration("d", ["x y", 2]), declaration("e", {"k": "v"})
    ("declare -a d=('x y' 2)\\n", 'declare -A e=([k]=v)\\n')
    >>> declaration("f", [["deep"]]), declaration("no-name", "g")
    ('', '')
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        return ""
    if isinstance(value, list):
        words = [word(item) for item in value]
        return "" if None in words else f"declare -a {name}=({' '.join(map(str, words))})\n"
    if isinstance(value, dict):
        pairs = {shlex.quote(key): word(item) for key, item in value.items()}
        if None in pairs.values():
            return ""
        return f"declare -A {name}=({' '.join(f'[{key}]={item}' for key, item in pairs.items())})\n"
    simple = word(value)
    return "" if simple is None else f"declare {name}={simple}\n"


def word(value: Attribute) -> str | None:
    """A simple value in bash's words."""
    if value is None or value is False:
        return "''"
    if value is True:
        return "1"
    if isinstance(value, int):
        return str(value)
    return shlex.quote(value) if isinstance(value, str) else None
