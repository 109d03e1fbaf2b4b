from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.lint.rule import LintBundle, Match, RawFile, Rule

_SUFFIXES = (".xml", ".js", ".jsc", ".py", ".json", ".properties", ".xsl", ".yaml", ".yml", ".pem", ".txt")
_MOST = 1_000_000
#: A word that such credentials hold → the credential, and what to call it.
_KINDS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("PRIVATE KEY-----", re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*(?P<secret>[A-Za-z0-9+/=\s]{64,})"), "a private key"),
    ("AKIA", re.compile(r"\b(?P<secret>AKIA[0-9A-Z]{16})\b"), "an access key of AWS"),
    ("AIza", re.compile(r"\b(?P<secret>AIza[0-9A-Za-z_\-]{35})\b"), "an API key of Google"),
    ("gh", re.compile(r"\b(?P<secret>gh[pousr]_[0-9A-Za-z]{36})\b"), "a token of GitHub"),
    ("xox", re.compile(r"\b(?P<secret>xox[baprs]-[0-9A-Za-z-]{20,})"), "a token of Slack"),
    ("sk", re.compile(r"\b(?P<secret>sk_live_[0-9A-Za-z]{20,}|sk-[A-Za-z0-9_\-]{32,})"), "a secret API key"),
    ("earer ", re.compile(r"\b[Bb]earer\s+(?P<secret>[A-Za-z0-9_\-.=+/]{20,})"), "a bearer token"),
    ("asic ", re.compile(r"\b[Bb]asic\s+(?P<secret>[A-Za-z0-9+/]{16,}={0,2})(?![\w.])"), "a user and a password"),
    ("eyJ", re.compile(r"\b(?P<secret>eyJ[\w\-]{10,}\.eyJ[\w\-]{10,}\.[\w\-]{20,})"), "a signed token"),
)  # fmt: skip
#: `password = "…"` in scripts and property files, <Password>…</Password> in XML.
_NAMED = re.compile(
    r"""(?ix) \b (?:[\w.\-]*[_.\-])? (?:password|passwd|secret|client_?secret|api_?key|private_?key|secret_?key) \b
    ["']? (?: \s*[:=]\s* (?P<quote>["']) (?P<quoted>[^"'\s<>{}$]{12,}) (?P=quote) | \s*> \s* (?P<text>[^\s<>{}$]{12,}) \s*< )"""
)
_PLACEHOLDER = re.compile(
    r"(?i)your|example|sample|dummy|change|replace|placeholder|xxx|\*\*\*|\.\.\.|insert|todo|test|demo|"
    r"fake|secret|password|12345|abcdef|@[\w.]+@|^\$|%\{|/{2}|request\.|private\.|redacted|[-_]here\b"
)
_LEAST_BITS = 3.0


class Credentials(Rule):
    """A key, a password or a token stands in the bundle, where everybody who reads the bundle has it.

    Looked for are forms that are unmistakable, and texts under names such as `password`. A text that looks like a
    placeholder, or too regular to be a secret, is let pass.
    """

    id = "AR301"
    name = "Credentials in the bundle"
    cure = "Put it into an encrypted key value map or a keystore, change it, and read it as private.NAME."
    bad = '<Header name="Authorization">Bearer ya29.a0AfH6SMBx3k…</Header>'
    good = '<Header name="Authorization">Bearer {private.token}</Header>'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/cache/key-value-maps"

    def on_file(self, file: RawFile, bundle: LintBundle) -> Iterator[Match]:
        if file.suffix not in _SUFFIXES:
            return
        text = file.text()
        if len(text) > _MOST:
            return
        told: set[int] = set()
        for word, pattern, what in _KINDS:
            for match in pattern.finditer(text) if word in text else ():
                yield from _match(file, text, match.start("secret"), match["secret"], what, told)
        for match in _NAMED.finditer(text):
            part = "quoted" if match["quoted"] else "text"
            yield from _match(file, text, match.start(part), match[part], "a secret", told)


def _match(file: RawFile, text: str, start: int, secret: str, what: str, told: set[int]) -> Iterator[Match]:
    line = text.count("\n", 0, start) + 1
    if line in told or not looks_secret(secret):
        return
    told.add(line)
    column = start - text.rfind("\n", 0, start)
    yield Match(Place(file.file, line, column), f"{what} stands here as text: {secret[:4].strip()}…")


def looks_secret(text: str) -> bool:
    """Whether a text has letters and digits enough in disorder, and is no placeholder."""
    if _PLACEHOLDER.search(text) or text.isalpha() or text.isdigit():
        return False
    return bits_of(text) >= _LEAST_BITS


def bits_of(text: str) -> float:
    """Shannon's entropy of a character, in bits."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
