"""What stands in for packages that only a compiler can make: the programs of this Debian."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from derivations import Derivation, name_of

# Links to Debian's programs, and what scripts/boot-images/programs adds to them.
PROGRAMS = "/opt/programs"
UNITS = Path("/usr/lib/systemd")

# Packages of which more than programs is used, by their names: what is where in them.
PARTS = {
    r"systemd(-minimal)?-\d.*": {
        "lib": "/usr/lib",
        "example/tmpfiles.d": "/usr/lib/tmpfiles.d",
        "example/sysctl.d": "/usr/lib/sysctl.d",
    },
    r"dbus-\d.*": {
        "share": "/usr/share",
        "lib/systemd/system/dbus.service": "/usr/lib/systemd/system/dbus.service",
        "lib/systemd/system/dbus.socket": "/usr/lib/systemd/system/dbus.socket",
    },
    r"dbus-broker-\d.*": {
        "lib/systemd/system/dbus-broker.service": "/usr/lib/systemd/system/dbus-broker.service",
    },
    r"linux-pam-\d.*": {"lib/security": "/usr/lib/x86_64-linux-gnu/security"},
    r"tzdata-.*": {"share/zoneinfo": "/usr/share/zoneinfo"},
    r"grub-\d.*": {"lib": "/usr/lib", "share": "/usr/share"},
    r"iana-etc-.*": {"etc/protocols": "/etc/protocols", "etc/services": "/etc/services"},
    r"nss-cacert-.*": {"etc/ssl/certs": "/etc/ssl/certs"},
    r"nginx-\d.*": {
        "conf/fastcgi.conf": "/etc/nginx/fastcgi.conf",
        "conf/uwsgi_params": "/etc/nginx/uwsgi_params",
    },
    r"mailcap-\d.*": {"etc/nginx/mime.types": "/etc/nginx/mime.types"},
    r"util-linux-.*-lastlog": {"lib/tmpfiles.d/lastlog2.conf": "/dev/null"},
    r"kmod-blacklist-.*": {"modprobe.conf": "/dev/null"},
}

# Packages that are one file.
FILES = {
    r"kmod-debian-aliases.conf-.*": "/dev/null",
    r"linux-config-.*": "/boot/config-{kernel}",
    # Made of systemd's by replacing a path that Debian's does not have.
    r"50-coredump.conf": "/usr/lib/sysctl.d/50-coredump.conf",
}

# Packages that are asked what programs they have: Debian's packages of the same programs.
DEBIAN = {
    r"bash(-interactive)?-\d.*": ["bash"],
    r"coreutils(-full)?-\d.*": ["coreutils"],
    r"e2fsprogs-\d.*": ["e2fsprogs"],
    r"kmod-\d.*": ["kmod"],
    r"perl-\d[\d.]*": ["perl-base"],
    r"systemd(-minimal)?-\d.*": ["systemd", "systemd-sysv", "systemd-resolved", "systemd-timesyncd", "udev"],
    r"util-linux-(minimal-)?\d.*": ["util-linux", "mount", "login"],
}

# A wrapper needs a compiler, except the one that is a script.
ALIASES = {"make-binary-wrapper-hook": "make-shell-wrapper-hook"}

COMPILED = re.compile(r"(.*(gcc|clang|binutils|ld)-wrapper|security-wrapper)-")


def is_text(derivation: Derivation) -> bool:
    """Whether the derivation's builder only writes and copies, so that it can be run here."""
    if derivation.attribute("outputHash") or derivation.builder.startswith("builtin:"):
        return False
    if COMPILED.match(derivation.name) or derivation.name in FILES:
        return False
    if derivation.name.endswith("stdenv-linux"):
        return True
    # What is built before there is a standard environment is a compiler's beginnings.
    return derivation.attribute("stdenv") is not None and (
        derivation.attribute("buildCommand") is not None
        or derivation.attribute("preferLocalBuild") in (True, "1")
        or derivation.name.endswith("-shrunk")
    )


def lookup[Value](table: dict[str, Value], name: str) -> Value | None:
    """The table's value for a name that one of its patterns matches."""
    return next((value for pattern, value in table.items() if re.fullmatch(pattern, name)), None)


def stand_in(derivation: Derivation, kernel: str) -> None:
    """Makes the outputs of a derivation that is not built."""
    for output in filter(None, derivation.outputs.values()):
        path = Path(output)
        if path.exists():
            continue
        name = name_of(output)
        if file := lookup(FILES, name):
            path.symlink_to(file.format(kernel=kernel))
            continue
        path.mkdir(parents=True)
        link_programs(path, lookup(DEBIAN, name))
        for part, target in (lookup(PARTS, name) or {}).items():
            (path / part).parent.mkdir(parents=True, exist_ok=True)
            # What an image has in other places, or not at all.
            if target.endswith((".service", ".socket")) or target.startswith("/etc/nginx/"):
                shutil.copy(target, path / part)
            else:
                (path / part).symlink_to(target)
        if re.match(r"systemd(-minimal)?-\d", name):
            copy_units(path)
        if re.match(r"linux-\d", name):
            link_kernel(path, kernel)


def link_programs(path: Path, packages: list[str] | None) -> None:
    if packages is None:
        (path / "bin").symlink_to(PROGRAMS)
        (path / "sbin").symlink_to(PROGRAMS)
        return
    (path / "bin").mkdir()
    (path / "sbin").symlink_to("bin")
    for name in set(programs(packages)):
        (path / "bin" / name).symlink_to(f"{PROGRAMS}/{name}")


def programs(packages: list[str]) -> Iterator[str]:
    for package in packages:
        for line in Path(f"/var/lib/dpkg/info/{package}.list").read_text().split():
            if re.fullmatch(r"(/usr)?/s?bin/[^/]+", line):
                yield Path(line).name
    if "bash" in packages:
        yield "sh"


def copy_units(path: Path) -> None:
    """systemd's own units. Copies, since an image has none where Debian has them: NixOS chooses of them."""
    for kind in ("system", "user"):
        shutil.copytree(UNITS / kind, path / "example/systemd" / kind, symlinks=True)


def link_kernel(path: Path, kernel: str) -> None:
    # A copy, since the boot loader reads it, and an image mounts its ESP at /boot.
    shutil.copy(f"/boot/vmlinuz-{kernel}", path / "bzImage")
    (path / "lib/modules").mkdir(parents=True)
    (path / "lib/modules" / kernel).symlink_to(f"/usr/lib/modules/{kernel}")


def add_missing_unit(output: str) -> str | None:
    """Makes an upstream unit that the builder misses; Debian's systemd is older than nixpkgs'."""
    missing = re.search(r"^missing (/nix/store/\S+/example/systemd/\S+)$", output, re.MULTILINE)
    if not missing or (unit := Path(missing[1])).exists():
        return None
    if unit.suffix in (".wants", ".requires"):
        unit.mkdir(parents=True)
    else:
        unit.write_text("[Unit]\nDescription=Stand-in for a unit that Debian's systemd lacks\n")
    return str(unit.relative_to(unit.parents[1]))


def changes(derivation: Derivation) -> dict[str, str]:
    """Debian's kernel for clouds has fewer modules than the image asks for."""
    return {"allowMissing": "1"} if derivation.name.endswith("-shrunk") else {}


def amend(derivation: Derivation) -> None:
    """Takes out what would take away the loader that Debian's programs need."""
    for file in Path(derivation.outputs["out"]).glob("lib/tmpfiles.d/*.conf"):
        text = "" if file.is_symlink() else file.read_text()
        kept = [line for line in text.splitlines(True) if not re.match(r"\S+ '?/lib(64)?/ld-linux", line)]
        if "".join(kept) != text:
            file.write_text("".join(kept))
