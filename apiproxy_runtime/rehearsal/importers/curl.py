"""curl command lines: a script, a page of examples, or what a browser's "Copy as cURL" gives."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

from msgspec import Struct, field

from apiproxy_runtime.rehearsal.exchange import Exchange, Request
from apiproxy_runtime.rehearsal.har import BadRecording
from apiproxy_runtime.rehearsal.importers.multipart import Part, multipart
from apiproxy_runtime.rehearsal.importers.shell import BadShell, commands

_AGENT = "curl/8.7.1"
_FORM = "application/x-www-form-urlencoded"
#: Short options with a value, and what they are called in full.
_SHORT = {
    "X": "request", "H": "header", "d": "data", "F": "form", "u": "user", "A": "user-agent", "e": "referer",
    "b": "cookie", "T": "upload-file", "o": "output", "m": "max-time", "x": "proxy", "w": "write-out",
    "c": "cookie-jar", "E": "cert", "r": "range", "y": "speed-time", "Y": "speed-limit", "z": "time-cond",
    "C": "continue-at", "D": "dump-header", "K": "config", "P": "ftp-port", "Q": "quote", "t": "telnet-option",
    "U": "proxy-user",
}  # fmt: skip
_SHORT_FLAGS = {"G": "get", "I": "head"}
#: Long options with a value that say nothing about the request.
_IGNORED = frozenset(
    [*_SHORT.values(), "connect-timeout", "retry", "retry-delay", "retry-max-time", "cacert", "capath", "cert-type",
     "key", "key-type", "pass", "ciphers", "tls-max", "resolve", "connect-to", "interface", "limit-rate", "max-redirs",
     "noproxy", "proto", "stderr", "trace", "trace-ascii", "unix-socket", "keepalive-time", "dns-servers", "crlfile",
     "max-filesize", "etag-save", "etag-compare", "aws-sigv4", "rate", "output-dir", "variable", "expand-url",
     "tls13-ciphers", "curves", "proxy-header", "preproxy", "socks5", "socks5-hostname", "local-port", "create-file-mode"]
) - {"request", "header", "data", "form", "user", "user-agent", "referer", "cookie", "upload-file", "range"}  # fmt: skip
_WITH_VALUE = frozenset(
    ["request", "header", "data", "data-raw", "data-binary", "data-ascii", "data-urlencode", "json", "form",
     "form-string", "user", "user-agent", "referer", "cookie", "upload-file", "range", "url", "oauth2-bearer",
     "url-query", "request-target"]
) | _IGNORED  # fmt: skip


def read_curl(path: Path) -> Iterator[Exchange]:
    """The requests of all curl commands in a file, in order; other commands are passed over.

    `@FILE` is read beside the file. Raises BadRecording, OSError.
    """
    number, line = 0, 1
    try:
        text = path.read_text("utf-8-sig")
        for command in commands(text):
            words, line = command.words, command.line
            while words and (words[0] in ("$", "%", ">", "time") or ("=" in words[0] and len(words) > 1)):
                words = words[1:]
            if not words or words[0].rpartition("/")[2] not in ("curl", "curl.exe"):
                continue
            for request, notes in _requests(words[1:], path.parent):
                number += 1
                if command.variables:
                    names = ", ".join(dict.fromkeys(command.variables))
                    notes.append(f"shell variables were left as they are: {names}")
                yield Exchange(str(number), request, notes=tuple(notes))
    except BadShell as error:
        raise BadRecording(
            f"{path}:{error.line}: {error}. Close it, or quote the text in another way."
        ) from None
    except (ValueError, OSError) as error:
        raise BadRecording(f"{path}:{line}: {error}") from None
    if not number:
        raise BadRecording(f"{path}: there is no curl command in it. Each command begins with the word curl.")


class _Options(Struct):
    urls: list[str] = field(default_factory=list)
    method: str = ""
    headers: list[str] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    query: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    json: bool = False
    get: bool = False
    head: bool = False
    compressed: bool = False
    upload: bytes | None = None
    user: str = ""
    bearer: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    version: str = "HTTP/1.1"
    notes: list[str] = field(default_factory=list)


def _requests(words: list[str], folder: Path) -> Iterator[tuple[Request, list[str]]]:
    options = _Options()
    rest = iter(words)
    for word in rest:
        if word in ("--next", "-:"):
            yield from _made(options)
            options = _Options()
        elif word == "--":
            options.urls.extend(rest)
        elif word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if name in _WITH_VALUE:
                _set(options, name, value if equals else _next(rest, word), folder)
            else:
                _flag(options, word[2:])
        elif word.startswith("-") and len(word) > 1:
            for place, letter in enumerate(word[1:], 1):
                if letter in _SHORT:
                    value = word[place + 1 :]
                    _set(options, _SHORT[letter], value or _next(rest, f"-{letter}"), folder)
                    break
                _flag(options, _SHORT_FLAGS.get(letter, letter))
        else:
            options.urls.append(word)
    yield from _made(options)


def _next(rest: Iterator[str], option: str) -> str:
    value = next(rest, None)
    if value is None:
        raise ValueError(f"curl's option {option} has no value. Give it one, or remove it.")
    return value


def _flag(options: _Options, name: str) -> None:
    if name == "get":
        options.get = True
    elif name == "head":
        options.head = True
    elif name == "compressed":
        options.compressed = True
    elif name.startswith("http2"):
        options.version = "HTTP/2"
    elif name == "http1.0":
        options.version = "HTTP/1.0"


def _set(options: _Options, name: str, value: str, folder: Path) -> None:
    if name == "request":
        options.method = value
    elif name == "header":
        options.headers += (folder / value[1:]).read_text().splitlines() if value.startswith("@") else [value]
    elif name in ("data", "data-ascii"):
        content = (folder / value[1:]).read_bytes() if value.startswith("@") else value.encode()
        options.data.append(content.translate(None, b"\r\n\0") if value.startswith("@") else content)
    elif name == "data-raw":
        options.data.append(value.encode())
    elif name in ("data-binary", "json"):
        options.data.append((folder / value[1:]).read_bytes() if value.startswith("@") else value.encode())
        options.json |= name == "json"
    elif name == "data-urlencode":
        options.data.append(_urlencoded(value, folder))
    elif name in ("form", "form-string"):
        options.parts.append(_part(value, folder, files=name == "form"))
    elif name == "url":
        options.urls.append(value)
    elif name == "url-query":
        options.query.append(value[1:] if value.startswith("+") else _urlencoded(value, folder).decode())
    elif name == "user":
        options.user = value
    elif name == "oauth2-bearer":
        options.bearer = value
    elif name == "upload-file":
        options.upload = (folder / value).read_bytes()
    elif name in ("user-agent", "referer", "range"):
        options.fields[name] = f"bytes={value}" if name == "range" else value
    elif name == "cookie":
        if "=" in value:
            options.fields["cookie"] = value
        else:
            options.notes.append(f"the cookie file {value} was not read")
    elif name == "aws-sigv4":
        options.notes.append("the request is not signed: --aws-sigv4 needs the secret key")


def _urlencoded(value: str, folder: Path) -> bytes:
    """`content`, `=content`, `name=content`, `@file`, `name@file`."""
    sign = next((char for char in value if char in "=@"), "")
    name, _, content = value.partition(sign) if sign else ("", "", value)
    if sign == "@":
        content = (folder / content).read_text()
    encoded = quote_plus(content).replace("+", "%20")
    return (f"{name}={encoded}" if name else encoded).encode()


def _part(value: str, folder: Path, files: bool) -> Part:
    name, equals, content = value.partition("=")
    if not equals:
        raise ValueError(f"curl's --form takes name=content, not {value!r}")
    if not files:
        return Part(name, content.encode())
    content, *settings = content.split(";") if content[:1] in "@<" or ";type=" in content else [content]
    given = dict(setting.partition("=")[::2] for setting in settings)
    kind = given.get("type", "")
    if content[:1] == "@":
        file = folder / content[1:].strip('"')
        return Part(name, file.read_bytes(), given.get("filename", file.name), kind)
    if content[:1] == "<":
        return Part(name, (folder / content[1:]).read_bytes(), "", kind)
    return Part(name, content.encode(), "", kind)


def _made(options: _Options) -> Iterator[tuple[Request, list[str]]]:
    if not options.urls:
        raise ValueError("the curl command names no URL. Add one, with its http:// or https://.")
    body = b"&".join(options.data) if not options.json else b"".join(options.data)
    content_type = _FORM if options.data else ""
    if options.json:
        content_type = "application/json"
    if options.parts:
        content_type, body = multipart(options.parts)
    query = list(options.query)
    if options.get and options.data:
        query.append(body.decode())
        body, content_type = b"", ""
    if options.upload is not None:
        body, content_type = options.upload, ""
    method = options.method or ("HEAD" if options.head else "PUT" if options.upload is not None else "")
    method = method or ("POST" if (options.data and not options.get) or options.parts else "GET")
    for given in options.urls:
        url = given if "://" in given else f"http://{given}"
        url = url.partition("#")[0]
        if query:
            url += ("&" if "?" in url else "?") + "&".join(query)
        url = quote(url, safe="%/:=&?~#+!$,;'@()*[]{}|^`\"<>\\")
        request = Request(method, url, _headers(options, url, content_type, body), body, options.version)
        yield request, list(options.notes)


def _headers(options: _Options, url: str, content_type: str, body: bytes) -> tuple[tuple[str, str], ...]:
    """What curl sends by itself, with what was set in its place: `Name:` takes a header out, `Name;` sends it empty."""
    host = Request("GET", url).host.rpartition("@")[2]
    defaults = {"Host": host, "User-Agent": options.fields.get("user-agent", _AGENT), "Accept": "*/*"}
    if options.json:
        defaults["Accept"] = "application/json"
    if options.user:
        defaults["Authorization"] = "Basic " + base64.b64encode(options.user.encode()).decode()
    if options.bearer:
        defaults["Authorization"] = f"Bearer {options.bearer}"
    if options.compressed:
        defaults["Accept-Encoding"] = "deflate, gzip"
    for name in ("referer", "cookie", "range"):
        if name in options.fields:
            defaults[name.capitalize()] = options.fields[name]
    given: list[tuple[str, str]] = []
    removed = set[str]()
    for line in options.headers:
        name, colon, value = line.partition(":")
        if colon and value.strip():
            given.append((name.strip(), value.strip()))
        elif colon:
            removed.add(name.strip().lower())
        elif line.rstrip().endswith(";"):
            given.append((line.rstrip()[:-1], ""))
        elif line.strip():
            raise ValueError(f"the header {line!r} has no colon. Write it as 'Name: value'.")
    if content_type:
        defaults["Content-Type"] = content_type
    if body:
        defaults["Content-Length"] = str(len(body))
    taken = {name.lower() for name, _ in given} | removed
    head = [(name, value) for name, value in defaults.items() if name.lower() not in taken]
    return (*head, *given)
