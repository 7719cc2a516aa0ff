"""The store paths that a store path needs: those whose hashes it holds, as Nix finds them."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

STORE = Path("/nix/store")
REFERENCE = re.compile(rb"/nix/store/([0-9a-df-np-sv-z]{32}-[\w+.?=-]+)")


def closure(roots: list[str]) -> set[str]:
    """All of them, the roots too. A path that is named and is not there counts as no reference."""
    present = {entry.name for entry in STORE.iterdir() if entry.suffix != ".drv"}
    found: set[str] = set()
    waiting = [Path(root).name for root in roots]
    while waiting:
        name = waiting.pop()
        if name not in found and name in present:
            found.add(name)
            waiting.extend(references(STORE / name))
    return {str(STORE / name) for name in found}


def references(path: Path) -> Iterator[str]:
    for file in files(path):
        data = os.fsencode(os.readlink(file)) if file.is_symlink() else file.read_bytes()
        for name in REFERENCE.findall(data):
            yield name.decode()


def files(path: Path) -> Iterator[Path]:
    if path.is_symlink() or path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        for name in names:
            yield Path(folder, name)
        for name in folders:
            if Path(folder, name).is_symlink():
                yield Path(folder, name)
