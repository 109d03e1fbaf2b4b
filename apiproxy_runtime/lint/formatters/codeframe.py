"""Each problem with the lines around it, and a mark below the place."""

from __future__ import annotations

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.places import places, total
from apiproxy_runtime.lint.result import ERROR
from apiproxy_runtime.lint.sources import Sources

_BEFORE, _AFTER = 2, 3
_RED, _YELLOW, _DIM, _END = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


def render(report: Report, *, color: bool = False) -> str:
    def paint(style: str, text: str) -> str:
        return f"{style}{text}{_END}" if color else text

    sources = Sources()
    blocks: list[str] = []
    for file, problem in places(report):
        severity = paint(_RED, "error") if problem.severity == ERROR else paint(_YELLOW, "warning")
        lines = [
            f"{severity}: {problem.text} ({problem.rule}) at {file.path}:{problem.line}:{problem.column}:"
        ]
        text = sources.lines(file)
        if 0 < problem.line <= len(text):
            first, last = max(problem.line - _BEFORE, 1), min(problem.line + _AFTER, len(text))
            width = len(str(last))
            for number in range(first, last + 1):
                here = number == problem.line
                lines.append(
                    f"{'>' if here else ' '} {paint(_DIM, f'{number:>{width}} |')} {text[number - 1]}".rstrip()
                )
                if here:
                    lines.append(
                        f"  {' ' * width} {paint(_DIM, '|')} {' ' * (problem.column - 1)}{paint(_RED, '^')}"
                    )
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + ("\n" if blocks else "") + total(report)
