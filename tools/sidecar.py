"""Builds the jars from their sources: the sidecar that runs Java callouts, and the callout of the sample.

python tools/sidecar.py --write     compiles and writes the jars
python tools/sidecar.py --check     exit 1 when a jar is not what its sources make

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
SIDECAR = JAVA / "sidecar.jar"
SAMPLE = ROOT / "samples" / "policies" / "extension"
#: sources and jar of the callout of the sample
CALLOUT = SAMPLE / "java", SAMPLE / "apiproxy" / "resources" / "java" / "checksum.jar"
#: Class files of this version run everywhere; Apigee's own interfaces are older still.
RELEASE = "8"
MANIFEST = "META-INF/MANIFEST.MF"


def javac_version(javac: str) -> str:
    """The major version of a javac."""
    told = subprocess.run([javac, "-version"], capture_output=True, text=True, check=True)
    match = re.search(r"javac (\d+)", told.stdout + told.stderr)
    return match[1] if match is not None else "unknown"


def build(javac: str, folder: Path, *, with_api: bool = False) -> bytes:
    """The jar that the sources in a folder make; `with_api` lets them use what callouts may.

    Raises CalledProcessError when they do not compile.
    """
    files = {MANIFEST: f"Manifest-Version: 1.0\r\nBuild-Jdk-Spec: {javac_version(javac)}\r\n\r\n".encode()}
    with tempfile.TemporaryDirectory() as made:
        sources = sorted(str(path) for path in folder.rglob("*.java"))
        options = ["--release", RELEASE, "-Xlint:-options", "-encoding", "UTF-8", "-proc:none"]
        options += ["-cp", str(SIDECAR)] if with_api else []
        subprocess.run([javac, *options, "-d", made, *sources], check=True)
        for path in sorted(Path(made).rglob("*.class")):
            files[path.relative_to(made).as_posix()] = path.read_bytes()
    jar = io.BytesIO()
    # not compressed: compressors differ from one Python to the next
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return jar.getvalue()


def built_with(jar: Path) -> str:
    """The major version of the javac that made a jar."""
    with zipfile.ZipFile(jar) as archive:
        match = re.search(r"Build-Jdk-Spec: (\S+)", archive.read(MANIFEST).decode())
    return match[1] if match is not None else "unknown"


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 with a line for each jar that differs; 2 when there is nothing to compile with."""
    parser = argparse.ArgumentParser(description="Builds the jars from their sources.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="compile and write the jars")
    what.add_argument("--check", action="store_true", help="exit 1 when a jar is not what its sources make")
    options = parser.parse_args(arguments)
    javac = shutil.which("javac")
    if javac is None:
        print("tools/sidecar.py: there is no javac; install a JDK", file=sys.stderr)
        return 2 if options.write else 0
    different = False
    for sources, jar, with_api in ((JAVA / "src", SIDECAR, False), (*CALLOUT, True)):
        made = build(javac, sources, with_api=with_api)
        if options.write:
            jar.write_bytes(made)
        elif built_with(jar) != javac_version(javac):
            print(f"{jar.relative_to(ROOT)} was built with javac {built_with(jar)}: compiled, not compared")
        elif jar.read_bytes() != made:
            print(
                f"{jar.relative_to(ROOT)} is not what its sources make; run `make sidecar`", file=sys.stderr
            )
            different = True
    return int(different)


if __name__ == "__main__":
    sys.exit(main())
