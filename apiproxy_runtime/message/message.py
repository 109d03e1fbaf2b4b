"""A message: the request, a response, the pending error, or a message that a policy made.

The body is bytes; text, JSON and XML views of it are made when first asked for and forgotten when it changes.
The query string and the form are kept as received until a policy changes a parameter, so that what nobody
touches is forwarded byte for byte.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.jsontext import read_json, read_members

if TYPE_CHECKING:
    from lxml import etree

_UNSET: Any = object()
_REASONS = {status.value: status.phrase for status in HTTPStatus}

FORM_TYPE = "application/x-www-form-urlencoded"


@lru_cache(1)
def _xml_reader() -> Callable[[bytes], etree._Element]:
    """Reads XML: no entities from outside, no network, no bombs (lxml's own limits stay in force)."""
    from lxml import etree  # not every bundle looks into XML

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return lambda body: etree.fromstring(body, parser)


def reason_phrase(status: int) -> str:
    """The standard reason phrase; empty for codes without one."""
    return _REASONS.get(status, "")


class Parameters:
    """Query or form parameters: ordered, several values a name, case-sensitive."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, str]] | None = None) -> None:
        self.pairs: list[tuple[str, str]] = pairs if pairs is not None else []

    @classmethod
    def parse(cls, text: str, plus: bool = True) -> Parameters:
        """From `a=1&b=2`; percent-decoded as UTF-8. `plus` says whether `+` means a blank."""
        if not text:
            return cls()
        decode = unquote_plus if plus else unquote
        pairs = []
        for item in text.split("&"):
            if item:
                name, _, value = item.partition("=")
                pairs.append((decode(name), decode(value)))
        return cls(pairs)

    def encode(self, plus: bool = True) -> str:
        encode = quote_plus if plus else _percent_encode
        return "&".join(f"{encode(name)}={encode(value)}" for name, value in self.pairs)

    def get(self, name: str) -> str | None:
        for key, value in self.pairs:
            if key == name:
                return value
        return None

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    def set(self, name: str, value: str) -> None:
        self.set_values(name, [value])

    def set_values(self, name: str, values: list[str]) -> None:
        """Replace all values of a parameter where its first one stands; an empty list removes it."""
        first = next((i for i, (key, _) in enumerate(self.pairs) if key == name), len(self.pairs))
        rest = [pair for pair in self.pairs[first:] if pair[0] != name]
        self.pairs[first:] = [(name, value) for value in values] + rest

    def set_value_at(self, name: str, index: int, value: str) -> None:
        """Set the index-th value (from 1); a position not there yet is appended."""
        values = self.values(name)
        if index <= len(values):
            values[index - 1] = value
        else:
            values.append(value)
        self.set_values(name, values)

    def add(self, name: str, value: str) -> None:
        self.pairs.append((name, value))

    def remove(self, name: str) -> None:
        self.pairs = [pair for pair in self.pairs if pair[0] != name]

    def clear(self) -> None:
        self.pairs = []

    def names(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.pairs))

    def copy(self) -> Parameters:
        return Parameters(self.pairs.copy())

    def __len__(self) -> int:
        return len(self.names())


def _percent_encode(text: str) -> str:
    return quote(text, safe="")


class Message:
    """One HTTP message.

    is_request  says which half of the fields below means anything
    verb, path  of a request; `path` has no query string and is percent-encoded as on the wire
    status, reason  of a response; `reason` None stands for the standard phrase
    version     `1.1` (requests) or `HTTP/1.1` (responses), as the flow variables print it
    stream      the unread body while streaming; then `body` is empty
    encoded     the body as received under its Content-Encoding, until `body` is changed
    """

    # the class's own defaults: most messages set few of these, and every transaction makes several messages
    _text: Any = _UNSET
    _json: Any = _UNSET
    _members: Any = _UNSET
    _xml: Any = _UNSET
    _form: Parameters | None = None
    _query: Parameters | None = None
    _query_text = ""
    query_plus = True
    encoded: bytes | None = None
    stream: AsyncIterator[bytes] | None = None
    verb = "GET"
    path = ""
    url: str | None = None
    status = 200
    reason: str | None = None
    version = "1.1"

    def __init__(
        self, is_request: bool, headers: Headers | None = None, body: bytes | list[bytes] = b""
    ) -> None:
        self.is_request = is_request
        self.headers = headers if headers is not None else Headers()
        self._body: Any = body
        if not is_request:
            self.version = "HTTP/1.1"

    @classmethod
    def request(cls, verb: str = "GET", path: str = "", query: str = "") -> Message:
        message = cls(True)
        message.verb, message.path, message._query_text = verb, path, query
        return message

    @classmethod
    def response(cls, status: int = 200) -> Message:
        message = cls(False)
        message.status = status
        return message

    # ---- body

    @property
    def body(self) -> bytes:
        """The body; a form changed through its parameters is written out first, pieces are joined."""
        held = self._body
        if held.__class__ is list:
            held = self._body = b"".join(held)
        elif held is _UNSET and self._form is not None:
            held = self._body = self._form.encode().encode()
        body: bytes = held
        return body

    @body.setter
    def body(self, data: bytes) -> None:
        self._body = data
        self._text = self._json = self._members = self._xml = _UNSET
        self._form = self.encoded = None

    @property
    def pieces(self) -> bytes | list[bytes]:
        """The body as it came, in pieces when nobody has asked for the whole of it; not to be changed."""
        body: bytes | list[bytes] = self._body if self._body.__class__ is list else self.body
        return body

    @property
    def content(self) -> str:
        """The body as text, in the charset of Content-Type (UTF-8 when none, or an unknown one, is named)."""
        if self._text is _UNSET:
            body = self.body
            self._text = body.decode(self.charset(), "replace") if body else ""
        text: str = self._text
        return text

    @content.setter
    def content(self, text: str) -> None:
        self.body = text.encode(self.charset(), "replace")

    def charset(self) -> str:
        content_type = self.headers.fields.get("content-type")
        if content_type is None or "charset" not in content_type[1].lower():
            return "utf-8"
        name = content_type[1].lower().partition("charset=")[2].split(";")[0].strip(" \"'")
        try:
            "".encode(name)
        except (LookupError, ValueError):
            return "utf-8"
        return name

    def content_type(self) -> str:
        """The media type without parameters, lower case; empty when there is none."""
        field = self.headers.fields.get("content-type")
        return field[1].partition(";")[0].strip().lower() if field is not None else ""

    def json(self) -> Any:
        """The body as JSON, parsed once. Do not change what it returns. Raises ValueError."""
        if self._json is _UNSET:
            self._json = read_json(self.body)
        return self._json

    def json_member(self, name: str) -> Any:
        """The JSON body, of which only the member `name` need be there: enough for a path that begins with it.

        Raises ValueError for a body that is no JSON as far as it was read.
        """
        if self._json is not _UNSET:
            return self._json
        if self._members is _UNSET:
            self._members = read_members(self.body)
        if self._members is None:
            return self.json()
        raw = self._members.get(name)
        return {} if raw is None else {name: read_json(raw)}

    def xml(self) -> etree._Element:
        """The body as an XML tree, parsed once without entities or network. Raises etree.XMLSyntaxError."""
        if self._xml is _UNSET:
            self._xml = _xml_reader()(self.body)
        tree: etree._Element = self._xml
        return tree

    def content_base64(self, url_safe: bool = False) -> str:
        encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
        return encode(self.body).decode()

    # ---- query

    @property
    def query(self) -> Parameters:
        """The query parameters, to read. To change them use `edit_query`."""
        if self._query is None:
            self._query = Parameters.parse(self._query_text, self.query_plus)
        return self._query

    def edit_query(self) -> Parameters:
        """The query parameters, to change; from here on the query string is made from them."""
        query = self.query
        self._query_text = _UNSET
        return query

    @property
    def query_string(self) -> str:
        """The text after `?`, without it; as received until a parameter was changed."""
        if self._query_text is _UNSET:
            assert self._query is not None
            return self._query.encode(plus=False)
        return self._query_text

    @query_string.setter
    def query_string(self, text: str) -> None:
        self._query_text, self._query = text, None

    @property
    def uri(self) -> str:
        """Path with query."""
        query = self.query_string
        return f"{self.path}?{query}" if query else self.path

    # ---- form

    @property
    def is_form(self) -> bool:
        return self.content_type() == FORM_TYPE

    @property
    def form(self) -> Parameters:
        """The form parameters, to read; empty unless the body is form-encoded. To change them use `edit_form`."""
        if self._form is None:
            self._form = Parameters.parse(self.content) if self.is_form else Parameters()
        return self._form

    def edit_form(self) -> Parameters:
        """The form parameters, to change. The body is rewritten from them and becomes form-encoded."""
        form = self.form
        if not self.is_form:
            self.headers.set("Content-Type", FORM_TYPE)
        self._body = self._text = self._json = self._members = self._xml = _UNSET
        self.encoded = None
        return form

    # ---- whole message

    def copy(self) -> Message:
        """An independent copy; the body is shared, being immutable."""
        new = Message(self.is_request, self.headers.copy(), self.body)
        new.verb, new.path, new.url, new.version = self.verb, self.path, self.url, self.version
        new.status, new.reason, new.query_plus = self.status, self.reason, self.query_plus
        new.encoded = self.encoded
        if self._query_text is _UNSET:
            assert self._query is not None
            new._query, new._query_text = self._query.copy(), _UNSET
        else:
            new._query_text = self._query_text
        return new

    @property
    def reason_phrase(self) -> str:
        return self.reason if self.reason is not None else reason_phrase(self.status)

    def __repr__(self) -> str:
        head = f"{self.verb} {self.uri}" if self.is_request else f"{self.status} {self.reason_phrase}"
        return f"<Message {head} {len(self.body)} bytes>"
