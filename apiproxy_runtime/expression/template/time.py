"""Template functions that print times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

from apiproxy_runtime.expression.simpledateformat import DateFormatError, compile_format
from apiproxy_runtime.expression.template.failure import CallFailed
from apiproxy_runtime.expression.template.text import integer

pattern = compile_format


def formatter(divisor: int) -> Callable[[str, str], str]:
    """The function for values that are whole seconds times `divisor`. All print UTC: local time is deprecated."""

    def format_time(form: str, value: str) -> str:
        try:
            return compile_format(form)(integer(value) / divisor, UTC)
        except (DateFormatError, OverflowError) as error:
            raise CallFailed(str(error)) from None

    return format_time
