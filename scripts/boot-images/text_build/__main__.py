"""Builds what only writes text, without a compiler and without Nix' own builder.

  python3 scripts/boot-images/text_build DERIVATIONS IMAGE KERNEL FOLDER

DERIVATIONS is what `nix derivation show --recursive` printed, IMAGE an image's name, KERNEL the release of
Debian's kernel. Every derivation that only writes text is built by its own builder, at its own path in
/nix/store; of every other, programs of this Debian stand in. A text that cannot be built is an error.

Writes into FOLDER the image's own steps, `preVM` and `buildCommand`, and the store paths that they need:
`system-paths` for the system, which comes first, and `enter-paths` for the program that enters it.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import builder
import derivations
import stand_ins
from closure import closure
from derivations import Attribute, Derivation


class TextBuild:
    # What is there was made for another image, or in another run.
    def __init__(self, known: dict[str, Derivation], kernel: str) -> None:
        self.known = known
        self.kernel = kernel
        self.done: set[str] = set()
        self.counts = {"built": 0, "stand-ins": 0, "there": 0}
        self.units: list[str] = []

    def only(self, condition: Callable[[Derivation], bool]) -> Derivation:
        found = [derivation for derivation in self.known.values() if condition(derivation)]
        if len(found) != 1:
            sys.exit(
                f"text_build: {len(found)} derivations where one was expected: {[d.name for d in found]}"
            )
        return found[0]

    def need(self, root: str) -> None:
        """Builds the derivation after what it needs; deep chains forbid recursion."""
        waiting = [root]
        while waiting:
            path = waiting[-1]
            derivation = self.known[path]
            text = stand_ins.is_text(derivation)
            open_inputs = [i for i in self.inputs(derivation) if i not in self.done] if text else []
            if open_inputs and path not in self.done:
                waiting.extend(open_inputs)
                continue
            waiting.pop()
            if path not in self.done:
                self.done.add(path)
                self.make(derivation, text)

    def inputs(self, derivation: Derivation) -> list[str]:
        if alias := self.alias(derivation):
            return [alias]
        return derivation.inputs

    def alias(self, derivation: Derivation) -> str | None:
        name = stand_ins.ALIASES.get(derivation.name)
        return next((p for p, other in self.known.items() if other.name == name), None) if name else None

    def make(self, derivation: Derivation, text: bool) -> None:
        if there(derivation):
            self.counts["there"] += 1
            return
        if alias := self.alias(derivation):
            remove(derivation)
            Path(derivation.outputs["out"]).symlink_to(self.known[alias].outputs["out"])
            self.counts["stand-ins"] += 1
        elif text:
            self.build(derivation)
            self.counts["built"] += 1
        else:
            stand_ins.stand_in(derivation, self.kernel)
            self.counts["stand-ins"] += 1

    def build(self, derivation: Derivation) -> None:
        while True:
            result = builder.run(derivation, stand_ins.changes(derivation))
            if result.returncode == 0 and there(derivation):
                stand_ins.amend(derivation)
                break
            unit = stand_ins.add_missing_unit(result.stdout)
            remove(derivation)
            if unit is None:
                sys.exit(
                    f"text_build: {derivation.name} failed ({result.returncode}):\n{result.stdout[-3000:]}"
                )
            self.units.append(unit)


def there(derivation: Derivation) -> bool:
    return all(os.path.lexists(output) for output in derivation.outputs.values())


def remove(derivation: Derivation) -> None:
    for output in map(Path, derivation.outputs.values()):
        if output.is_dir() and not output.is_symlink():
            shutil.rmtree(output)
        else:
            output.unlink(missing_ok=True)


def main(arguments: list[str]) -> None:
    if len(arguments) != 4:
        sys.exit(__doc__)
    start = time.monotonic()
    file, name, kernel, folder = arguments
    build = TextBuild(derivations.read(Path(file)), kernel)
    image = build.only(lambda derivation: derivation.name == f"{name}-image")
    for step in ("preVM", "buildCommand"):
        Path(folder, step).write_text(str(image.attribute(step)))
    system = build.only(lambda derivation: is_named_in(derivation, "nixos-system-", image.attribute("preVM")))
    enter = build.only(
        lambda derivation: is_named_in(derivation, "nixos-enter", image.attribute("buildCommand"))
    )
    for what, derivation in (("system", system), ("enter", enter)):
        build.need(derivation.path)
        output = derivation.outputs["out"]
        paths = [output, *sorted(closure([output]) - {output})]
        Path(folder, f"{what}-paths").write_text("".join(f"{path}\n" for path in paths))
    counts = ", ".join(f"{count} {what}" for what, count in build.counts.items())
    print(f"{counts}, in {time.monotonic() - start:.0f} s")
    if build.units:
        print(f"units that Debian lacks: {' '.join(build.units)}")


def is_named_in(derivation: Derivation, prefix: str, text: Attribute) -> bool:
    return derivation.name.startswith(prefix) and derivation.outputs["out"] in str(text)


if __name__ == "__main__":
    main(sys.argv[1:])
