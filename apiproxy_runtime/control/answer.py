"""Answers of the control port: JSON, and errors that say what is wrong and where."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from apiproxy_runtime.bundle.finding import DeployError, Finding
from apiproxy_runtime.control.deployevent import in_brief


def json_answer(value: object, status: int = 200) -> web.Response:
    """JSON in UTF-8, as it is; its last line ends with a line break, which terminals like."""
    body = json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n"
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")


class Refused(Exception):
    """A request that is answered with an error.

    `code` is a word for programs (Apigee's own where there is one), `message` a sentence for people.
    """

    def __init__(self, status: int, code: str, message: str, details: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = list(details)

    def answer(self) -> web.Response:
        return json_answer(
            {"code": self.code, "message": self.message, "contexts": [], "details": self.details}, self.status
        )


def refusal(error: DeployError, status: int = 400) -> Refused:
    """A refused deploy: the first error as the message, all of them as details."""
    errors = error.errors
    return Refused(
        status,
        (errors[0].name if errors else "") or "InvalidBundle",
        in_brief(errors),
        [detail(finding) for finding in errors],
    )


def detail(finding: Finding) -> dict[str, Any]:
    """One finding: `line` 0 is the file as a whole."""
    message = finding.message
    if finding.cure:
        message += ("" if message.endswith((".", "!", "?")) else ".") + f" {finding.cure}"
    return {
        "code": finding.name,
        "message": message,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "severity": finding.severity,
    }
