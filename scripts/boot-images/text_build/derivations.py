"""Derivations as `nix derivation show --recursive` prints them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Attribute = str | int | float | bool | None | list["Attribute"] | dict[str, "Attribute"]


@dataclass(frozen=True)
class Derivation:
    path: str
    outputs: dict[str, str]
    inputs: list[str]
    builder: str
    arguments: list[str]
    # What the builder finds in its environment.
    environment: dict[str, str]
    # The same as JSON, of a derivation with structured attributes.
    structured: dict[str, Attribute] | None

    @property
    def name(self) -> str:
        return name_of(self.path).removesuffix(".drv")

    def attribute(self, name: str) -> Attribute:
        return (self.structured or self.environment).get(name)


def name_of(store_path: str) -> str:
    """A store path's name, without the store and the hash.

    >>> name_of("/nix/store/0641h8qfqaxnwrsw2nzrz6i1wbzyx92l-bash-5.3p9")
    'bash-5.3p9'
    """
    return store_path.removeprefix("/nix/store/")[33:]


def read(file: Path) -> dict[str, Derivation]:
    """All derivations of the file, by their paths."""
    return {path: parse(path, shown) for path, shown in json.loads(file.read_text()).items()}


def parse(path: str, shown: dict[str, Any]) -> Derivation:
    environment = dict(shown["env"])
    structured = json.loads(environment.pop("__json", "null")) or shown.get("structuredAttrs")
    return Derivation(
        path=path,
        # The path of a fixed output is not always shown; nothing here needs it then.
        outputs={
            name: output.get("path") or environment.get(name, "") for name, output in shown["outputs"].items()
        },
        inputs=list(shown["inputDrvs"]),
        builder=shown["builder"],
        arguments=shown["args"],
        environment=environment,
        structured=structured,
    )
