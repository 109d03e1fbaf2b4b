"""What scripts find that CPython 3 lacks: Python 2's functions and modules, and text that is bytes.

Loaded in the worker only, with nothing but the standard library. Scripts get these modules from an `import` of their
own; the standard library never sees them.
"""

from __future__ import annotations

import builtins
import functools
import types
from collections.abc import Callable, Mapping
from typing import Any


class ByteText(str):
    """Python 2's `str` where it holds bytes: one character a byte.

    What decoders and hashes give. As text, and as a flow variable, it is what the bytes are in UTF-8, if they are that.
    """

    __slots__ = ()

    def __new__(cls, data: bytes) -> ByteText:
        return super().__new__(cls, data.decode("latin-1"))

    @property
    def data(self) -> bytes:
        return self.encode("latin-1")


def as_text(value: str) -> str:
    """Text for a flow variable."""
    if isinstance(value, ByteText):
        try:
            return value.data.decode()
        except UnicodeDecodeError:
            return str.__str__(value)
    return value


def as_bytes(value: Any) -> Any:
    """What a function of bytes gets for an argument that may be text."""
    if isinstance(value, ByteText):
        return value.data
    return value.encode() if isinstance(value, str) else value


def of_bytes(value: Any) -> Any:
    """What a script gets for a result: plain text wherever bytes and characters are the same."""
    if not isinstance(value, bytes):
        return value
    return value.decode() if value.isascii() else ByteText(value)


def bytewise(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of bytes, for text."""

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        return of_bytes(
            function(*map(as_bytes, arguments), **{name: as_bytes(value) for name, value in named.items()})
        )

    return call


# ---- operators and methods


def divide(left: Any, right: Any) -> Any:
    """Python 2's `/`: of whole numbers it is a whole number."""
    return left // right if isinstance(left, int) and isinstance(right, int) else left / right


def attribute(owner: Any, name: str) -> Any:
    """`owner.name` as Python 2 has it. Raises AttributeError."""
    if isinstance(owner, str) and name in ("encode", "decode"):
        return functools.partial(_encode if name == "encode" else _decode, owner)
    if isinstance(owner, bytes) and name == "decode":
        return functools.partial(_decode, ByteText(owner))
    if isinstance(owner, dict) and name in ("keys", "values", "items"):
        return lambda: list(getattr(owner, name)())
    if isinstance(owner, list) and name == "sort":
        return functools.partial(_sort, owner)
    try:
        return getattr(owner, name)
    except AttributeError:
        if name == "has_key" and hasattr(owner, "__contains__"):
            return owner.__contains__
        if name in ("iteritems", "iterkeys", "itervalues") and hasattr(owner, name[4:]):
            return lambda: iter(getattr(owner, name[4:])())
        if name == "next" and hasattr(owner, "__next__"):
            return owner.__next__
        if name == "message" and isinstance(owner, BaseException):
            return str(owner.args[0]) if owner.args else ""
        raise


def _encode(text: str, encoding: str = "ascii", errors: str = "strict") -> Any:
    import codecs

    kind = encoding.lower().replace("_", "-")
    if kind in ("hex", "base64", "zlib", "bz2", "hex-codec", "base64-codec", "zip"):
        return of_bytes(codecs.encode(as_bytes(text), kind.removesuffix("-codec")))
    if kind == "rot13":
        return codecs.encode(text, "rot13")
    if isinstance(text, ByteText):
        return text
    return of_bytes(text.encode(encoding, errors))


def _decode(text: str, encoding: str = "ascii", errors: str = "strict") -> Any:
    import codecs

    kind = encoding.lower().replace("_", "-")
    if kind in ("hex", "base64", "zlib", "bz2", "hex-codec", "base64-codec", "zip"):
        return of_bytes(codecs.decode(as_bytes(text), kind.removesuffix("-codec")))
    if kind == "rot13":
        return codecs.decode(text, "rot13")
    # what is no bytes has been decoded already: scripts decode to be sure
    return text.data.decode(encoding, errors) if isinstance(text, ByteText) else text


def _sort(
    items: list[Any], cmp: Callable[[Any, Any], int] | None = None, key: Any = None, reverse: bool = False
) -> None:
    items.sort(key=key if cmp is None else functools.cmp_to_key(cmp), reverse=reverse)


def _sorted(
    items: Any, cmp: Callable[[Any, Any], int] | None = None, key: Any = None, reverse: bool = False
) -> list[Any]:
    return sorted(items, key=key if cmp is None else functools.cmp_to_key(cmp), reverse=reverse)


def _str(value: Any = "", *rest: Any) -> str:
    return str(value, *rest) if not isinstance(value, bytes) or rest else str(of_bytes(value))


class _TextType(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, str)

    def __call__(cls, value: Any = "", *rest: Any) -> str:
        return str(_decode(value, *rest)) if rest and isinstance(value, str) else _str(value, *rest)


class Unicode(str, metaclass=_TextType):
    """`unicode` and `basestring`: to be called, and asked of by isinstance."""


def _listed(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    return functools.wraps(function)(lambda *arguments: list(function(*arguments)))


def _map(function: Callable[..., Any] | None, *iterables: Any) -> list[Any]:
    return list(zip(*iterables, strict=False)) if function is None else list(map(function, *iterables))


def _filter(function: Callable[[Any], Any] | None, items: Any) -> Any:
    kept = filter(function, items)
    if isinstance(items, str):
        return "".join(kept)
    return tuple(kept) if isinstance(items, tuple) else list(kept)


def _compare(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def functions(load: Callable[..., Any]) -> dict[str, Any]:
    """The built-in names of a script. `load` is its `__import__`."""
    return {
        **vars(builtins),
        "__import__": load,
        "$divide": divide,
        "$attribute": attribute,
        "apply": lambda function, arguments=(), named={}: function(*arguments, **named),
        "basestring": Unicode,
        "buffer": memoryview,
        "cmp": _compare,
        "filter": _filter,
        "intern": lambda text: text,
        "long": int,
        "map": _map,
        "range": _listed(range),
        "reduce": functools.reduce,
        "sorted": _sorted,
        "StandardError": Exception,
        "unichr": chr,
        "unicode": Unicode,
        "xrange": range,
        "zip": _listed(zip),
    }


# ---- modules


#: what a module says of itself
_OF_MODULES = frozenset(vars(builtins)) & frozenset(vars(types))


def module(name: str, base: Any = None, **members: Any) -> types.ModuleType:
    """A module with the members of another one and some of its own."""
    made = types.ModuleType(name)
    for source in base if isinstance(base, tuple) else (base,) if base is not None else ():
        made.__dict__.update((key, value) for key, value in vars(source).items() if key not in _OF_MODULES)
    made.__dict__.update(members)
    return made


def _bytewise_module(name: str, *function_names: str, **members: Any) -> types.ModuleType:
    real = __import__(name)
    wrapped = {key: bytewise(getattr(real, key)) for key in function_names if hasattr(real, key)}
    return module(name, real, **{**wrapped, **members})


def _base64() -> types.ModuleType:
    names = "b64encode b64decode standard_b64encode standard_b64decode urlsafe_b64encode urlsafe_b64decode "
    names += "b32encode b32decode b16encode b16decode encodebytes decodebytes"
    made = _bytewise_module("base64", *names.split())
    made.__dict__.update(encodestring=made.encodebytes, decodestring=made.decodebytes)
    return made


def _binascii() -> types.ModuleType:
    names = "hexlify unhexlify a2b_hex b2a_hex a2b_base64 b2a_base64 a2b_uu b2a_uu crc32"
    return _bytewise_module("binascii", *names.split())


class Hash:
    """A hash that takes text and gives text."""

    def __init__(self, hashing: Any) -> None:
        self._hashing = hashing
        self.name, self.digest_size, self.block_size = hashing.name, hashing.digest_size, hashing.block_size

    def update(self, data: Any) -> None:
        self._hashing.update(as_bytes(data))

    def digest(self) -> Any:
        return of_bytes(self._hashing.digest())

    def hexdigest(self) -> str:
        return str(self._hashing.hexdigest())

    def copy(self) -> Hash:
        return Hash(self._hashing.copy())


def _hash(name: str) -> Callable[..., Hash]:
    import hashlib

    return lambda data=b"": Hash(hashlib.new(name, as_bytes(data)))


def _hashlib() -> types.ModuleType:
    import hashlib

    known = {name: _hash(name) for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")}
    return module("hashlib", hashlib, **known, new=lambda name, data=b"": _hash(name)(data))


def _hmac() -> types.ModuleType:
    import hashlib
    import hmac

    def new(key: Any, message: Any = None, digest: Any = "md5") -> Hash:
        if callable(digest) or isinstance(digest, types.ModuleType):
            digest = (digest() if callable(digest) else digest.new()).name
        return Hash(hmac.new(as_bytes(key), as_bytes(message or b""), getattr(hashlib, digest)))

    return module("hmac", hmac, new=new, compare_digest=bytewise(hmac.compare_digest))


def _urllib() -> types.ModuleType:
    import urllib.parse
    import urllib.request

    def quoting(function: Callable[..., str], safe: str) -> Callable[..., str]:
        return lambda text, safe=safe: function(as_bytes(text), safe)

    return module(
        "urllib",
        (urllib.parse, urllib.request),
        quote=quoting(urllib.parse.quote, "/"),
        quote_plus=quoting(urllib.parse.quote_plus, ""),
        parse=urllib.parse,
        request=urllib.request,
        error=urllib.error,
    )


def _urllib2() -> types.ModuleType:
    import urllib.error
    import urllib.parse
    import urllib.request

    class Request(urllib.request.Request):
        def __init__(self, url: str, data: Any = None, *rest: Any, **named: Any) -> None:
            super().__init__(url, as_bytes(data), *rest, **named)

    return module("urllib2", (urllib.parse, urllib.request, urllib.error), Request=Request)


def _string() -> types.ModuleType:
    import string

    plain = "lower upper strip lstrip rstrip split rsplit replace find rfind count index capitalize zfill"
    methods: dict[str, Any] = {name: getattr(str, name) for name in plain.split()}
    return module(
        "string",
        string,
        **methods,
        join=lambda words, between=" ": between.join(words),
        atoi=int,
        atof=float,
        letters=string.ascii_letters,
        lowercase=string.ascii_lowercase,
        uppercase=string.ascii_uppercase,
    )


def _itertools() -> types.ModuleType:
    import itertools

    return module(
        "itertools",
        itertools,
        izip=zip,
        imap=map,
        ifilter=filter,
        izip_longest=itertools.zip_longest,
        ifilterfalse=itertools.filterfalse,
    )


def _time() -> types.ModuleType:
    import time

    return module("time", time, clock=time.perf_counter)


def _sys() -> types.ModuleType:
    import sys

    made = module("sys", sys, maxint=2**31 - 1, setdefaultencoding=lambda name: None)
    # scripts may print through it, and what they print to is set anew for each run
    made.__class__ = type("sys", (types.ModuleType,), {"stdout": property(lambda self: sys.stdout)})
    made.__dict__.pop("stdout")
    return made


def _alone(name: str, **members: Any) -> Callable[[], types.ModuleType]:
    return lambda: module(name, **members)


def _renamed(name: str, *real: str) -> Callable[[], types.ModuleType]:
    def load() -> types.ModuleType:
        import importlib

        return module(name, tuple(importlib.import_module(source) for source in real))

    return load


#: Python 2's modules that are gone, renamed, or take text where Python 3's take bytes.
MODULES: Mapping[str, Callable[[], types.ModuleType]] = {
    "base64": _base64,
    "binascii": _binascii,
    "hashlib": _hashlib,
    "hmac": _hmac,
    "itertools": _itertools,
    "md5": lambda: module("md5", new=_hash("md5"), md5=_hash("md5")),
    "sha": lambda: module("sha", new=_hash("sha1"), sha=_hash("sha1")),
    "sets": _alone("sets", Set=set, ImmutableSet=frozenset),
    "string": _string,
    "struct": lambda: _bytewise_module("struct", "pack", "unpack", "calcsize"),
    "sys": _sys,
    "time": _time,
    "urllib": _urllib,
    "urllib2": _urllib2,
    "urlparse": _renamed("urlparse", "urllib.parse"),
    "zlib": lambda: _bytewise_module("zlib", "compress", "decompress", "crc32", "adler32"),
    "simplejson": _renamed("simplejson", "json"),
    "StringIO": _renamed("StringIO", "io"),
    "cStringIO": _renamed("cStringIO", "io"),
    "Queue": _renamed("Queue", "queue"),
    "ConfigParser": _renamed("ConfigParser", "configparser"),
    "httplib": _renamed("httplib", "http.client"),
    "Cookie": _renamed("Cookie", "http.cookies"),
    "cookielib": _renamed("cookielib", "http.cookiejar"),
    "HTMLParser": _renamed("HTMLParser", "html.parser", "html"),
    "htmlentitydefs": _renamed("htmlentitydefs", "html.entities"),
    "cPickle": _renamed("cPickle", "pickle"),
    "copy_reg": _renamed("copy_reg", "copyreg"),
    "thread": _renamed("thread", "_thread"),
    "exceptions": _renamed("exceptions", "builtins"),
    "__builtin__": _renamed("__builtin__", "builtins"),
}


def importer() -> Callable[..., Any]:
    """A script's `__import__`."""
    loaded: dict[str, types.ModuleType] = {}

    def load(name: str, *rest: Any) -> Any:
        make = MODULES.get(name)
        if make is None:
            return builtins.__import__(name, *rest)
        if name not in loaded:
            loaded[name] = make()
        return loaded[name]

    return load
