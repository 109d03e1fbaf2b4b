"""The two dialects of the management API: Edge's and that of Apigee X. One port speaks both; each request chooses.

Most answers suit both. They differ in lists (names alone, or objects), in times (numbers, or texts), in the word for a
deployed revision (`deployed`, `READY`) and in errors.
Sources: apidocs.apigee.com, "Apigee Edge API"; docs.cloud.google.com/apigee, "Apigee API"; google.rpc.Status.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from aiohttp import web

from apiproxy_runtime.bundle.finding import DeployError, Finding
from apiproxy_runtime.control.answer import Refused, detail, json_answer, refusal

Flavour: TypeAlias = Literal["edge", "x"]
#: `auto` lets each request choose.
Choice: TypeAlias = Literal["auto", "edge", "x"]

#: 64-bit numbers, which JSON of Google's APIs writes as texts
_LONG = frozenset(
    (
        "createdAt",
        "lastModifiedAt",
        "updatedAt",
        "issuedAt",
        "expiresAt",
        "keyExpiresIn",
        "deployStartTime",
        "createTime",
    )
)
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ALREADY_EXISTS",
    413: "INVALID_ARGUMENT",
    503: "UNAVAILABLE",
}
#: Codes of errors that say more than their status.
_REASONS = {"WOULD_BREAK_DEPENDENT": "FAILED_PRECONDITION"}


def flavour_of(request: web.Request, choice: Choice = "auto") -> Flavour:
    """The dialect of a request.

    The short paths /v1/o and /e are Edge's, and so is Basic authentication; a Bearer token or the header that
    Apigee's Maven plugins send are X's, and so is a request with nothing of all this.
    """
    if choice != "auto":
        return choice
    if request.match_info.get("o") == "o" or request.match_info.get("e") == "e":
        return "edge"
    if "X-GOOG-API-FORMAT-VERSION" in request.headers:
        return "x"
    return "edge" if request.headers.get("Authorization", "").lower().startswith("basic ") else "x"


def in_words_of(flavour: Flavour, value: Any) -> Any:
    """A JSON value with its times as the flavour writes them. They come as milliseconds, in numbers."""
    if flavour == "edge":
        return value
    if isinstance(value, dict):
        return {
            key: str(item)
            if key in _LONG and isinstance(item, int) and not isinstance(item, bool)
            else in_words_of(flavour, item)
            for key, item in value.items()
        }
    return [in_words_of(flavour, item) for item in value] if isinstance(value, list) else value


def error_answer(flavour: Flavour, error: Refused) -> web.Response:
    """An error in the flavour's shape."""
    if flavour == "edge":
        return error.answer()
    return json_answer(
        {
            "error": {
                "code": error.status,
                "message": error.message,
                "status": _REASONS.get(error.code) or _STATUS.get(error.status, "INTERNAL"),
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                        "reason": error.code,
                        "domain": "apigee.googleapis.com",
                    },
                    {
                        "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
                        "violations": [{"type": error.code, "description": error.message}],
                    },
                    *error.details,
                ],
            }
        },
        error.status,
    )


def refused_deploy(flavour: Flavour, error: DeployError) -> web.Response:
    """A refused deploy: the first error as the message, each with its file and line."""
    refused = refusal(error)
    if flavour == "edge":
        return refused.answer()
    failure = {
        "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
        "violations": violations(error.errors),
    }
    return json_answer(
        {
            "error": {
                "code": 400,
                "message": refused.message,
                "status": "FAILED_PRECONDITION",
                "details": [failure],
            }
        },
        400,
    )


def violations(errors: Iterable[Finding]) -> list[dict[str, Any]]:
    """Errors as X tells them: type, subject, description; with the fields of the control port besides."""
    return [
        {
            "type": finding.name,
            "subject": f"{finding.file}:{finding.line}" if finding.line else finding.file,
            "description": detail(finding)["message"],
            **detail(finding),
        }
        for finding in errors
    ]
