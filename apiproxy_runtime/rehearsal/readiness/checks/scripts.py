"""X018, X019: what scripts and Java callouts rely on."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_KNOWN = "https://docs.cloud.google.com/apigee/docs/release/known-issues"
_RAW_HEADER = re.compile(r"""headers\s*(?:\[\s*|\.get\(\s*)["']([^"']*[A-Z][^"']*)["'](?!\s*\]\s*=[^=])""")
#: Libraries that Edge's own class path offered; a jar that uses them must bring them along.
_LENT = (
    "org/apache/commons/lang/",
    "org/apache/commons/lang3/",
    "org/apache/commons/codec/",
    "org/apache/commons/io/",
    "org/apache/commons/collections/",
    "org/apache/http/",
    "com/google/common/",
    "com/google/gson/",
    "com/nimbusds/",
    "com/fasterxml/jackson/",
    "org/bouncycastle/",
    "org/json/",
    "org/slf4j/",
    "org/joda/time/",
)
_LARGEST = 16 * 1024 * 1024


def _headers(subject: Subject) -> Iterator[Hit]:
    for file, text in subject.texts.items():
        if "/resources/jsc/" not in file and "/resources/py/" not in file:
            continue
        for line, row in enumerate(text.splitlines(), 1):
            for name in _RAW_HEADER.findall(row):
                yield Hit(Place(file, line), f"reads the header {name} by its capital letters")


def _classes(subject: Subject) -> Iterator[Hit]:
    jars: dict[str, set[str]] = {}
    wanted: dict[str, dict[str, str]] = {}
    for resource in subject.bundle.resources_of("java"):
        try:
            jar = zipfile.ZipFile(io.BytesIO(resource.read()))
            names = [info for info in jar.infolist() if info.filename.endswith(".class")]
            jars[resource.file] = {info.filename for info in names}
            wanted[resource.file] = {}
            for info in names:
                if info.file_size > _LARGEST or info.filename.startswith(_LENT):
                    continue
                data = jar.read(info)
                for library in _LENT:
                    if library.encode() in data:
                        wanted[resource.file].setdefault(library, info.filename)
        except (SourceError, OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError):
            continue
    offered = {
        library for names in jars.values() for name in names for library in _LENT if name.startswith(library)
    }
    for file, found in wanted.items():
        for library, user in found.items():
            if library not in offered:
                package = library.rstrip("/").replace("/", ".")
                yield Hit(
                    Place(file),
                    f"{user.removesuffix('.class')} uses {package}, which no jar of the bundle has",
                )


CHECKS = (
    Check(
        "X018",
        "changes",
        "capital letters of header names",
        "HTTP/2 and the ingress make header names small: a map that tells cases apart has no such key",
        "Ask with getVariable('request.header.NAME'), which tells no cases apart.",
        _headers,
        "https://docs.cloud.google.com/apigee/docs/api-platform/get-started/compare-apigee-products",
    ),
    Check(
        "X019",
        "changes",
        "libraries of Java callouts",
        "Edge's class path lent libraries that Apigee X does not (known issue 433759657): the callout fails with 500",
        "Put the library's jar into resources/java.",
        _classes,
        _KNOWN,
    ),
)
