"""Builds the jar that runs Java callouts, apiproxy_runtime/scripting/java/sidecar.jar, from the sources beside it.

python tools/sidecar.py --write     compiles and writes the jar
python tools/sidecar.py --check     exit 1 when the jar is not what the sources make

The same sources and the same major version of javac give the same bytes. Needs a JDK from 11 on; whoever only installs
the runtime needs none.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JAVA = ROOT / "apiproxy_runtime" / "scripting" / "java"
SOURCES, JAR = JAVA / "src", JAVA / "sidecar.jar"
#: Class files of this version run everywhere; Apigee's own interfaces are older still.
RELEASE = "8"
MANIFEST = "META-INF/MANIFEST.MF"


def javac_version(javac: str) -> str:
    """The major version of a javac."""
    told = subprocess.run([javac, "-version"], capture_output=True, text=True, check=True)
    match = re.search(r"javac (\d+)", told.stdout + told.stderr)
    return match[1] if match is not None else "unknown"


def build(javac: str) -> bytes:
    """The jar that the sources make. Raises CalledProcessError when they do not compile."""
    files = {MANIFEST: f"Manifest-Version: 1.0\r\nBuild-Jdk-Spec: {javac_version(javac)}\r\n\r\n".encode()}
    with tempfile.TemporaryDirectory() as folder:
        sources = sorted(str(path) for path in SOURCES.rglob("*.java"))
        options = ["--release", RELEASE, "-Xlint:-options", "-encoding", "UTF-8", "-proc:none"]
        subprocess.run([javac, *options, "-d", folder, *sources], check=True)
        for path in sorted(Path(folder).rglob("*.class")):
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    jar = io.BytesIO()
    # not compressed: compressors differ from one Python to the next
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return jar.getvalue()


def built_with() -> str:
    """The major version of the javac that made the jar."""
    with zipfile.ZipFile(JAR) as jar:
        match = re.search(r"Build-Jdk-Spec: (\S+)", jar.read(MANIFEST).decode())
    return match[1] if match is not None else "unknown"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Builds the jar that runs Java callouts.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="compile and write the jar")
    what.add_argument("--check", action="store_true", help="exit 1 when the jar is not what the sources make")
    options = parser.parse_args(arguments)
    javac = shutil.which("javac")
    if javac is None:
        print("tools/sidecar.py: there is no javac; install a JDK", file=sys.stderr)
        return 2 if options.write else 0
    made = build(javac)
    if options.write:
        JAR.write_bytes(made)
        return 0
    if built_with() != javac_version(javac):
        print(f"tools/sidecar.py: the jar was built with javac {built_with()}; only compiled, not compared")
        return 0
    if JAR.read_bytes() != made:
        print("tools/sidecar.py: the jar is not what the sources make; run `make sidecar`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
