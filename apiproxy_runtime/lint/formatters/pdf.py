"""Pages to print or to file: totals, then the problems of each file. Needs fpdf2, from the extra `pdf`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apiproxy_runtime.lint.formatters.registry import MissingExtra
from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR, FileResult, Problem

if TYPE_CHECKING:
    from fpdf import FPDF

_INK, _DIM = (29, 36, 48), (92, 102, 117)
_COLOURS = {True: (179, 38, 30), False: (138, 90, 0)}
_PLACE = 18


def render(report: Report, *, color: bool = False) -> bytes:
    try:
        from fpdf import FPDF  # an extra: only who asks for this format needs it
    except ImportError:
        raise MissingExtra("--format pdf needs fpdf2: pip install 'apiproxy-runtime[pdf]'") from None
    pdf = FPDF(format="A4")
    pdf.set_auto_page_break(True, 15)
    pdf.set_title("apiproxy lint")
    pdf.add_page()
    errors, warnings = report.errors, report.warnings
    _line(pdf, 16, _INK, "apiproxy lint", bold=True)
    _line(pdf, 11, _DIM, f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}")
    for file in report.files:
        if file.problems:
            _file(pdf, file)
    return bytes(pdf.output())


def _file(pdf: FPDF, file: FileResult) -> None:
    pdf.ln(3)
    _line(pdf, 10, _INK, file.path, bold=True)
    for problem in file.problems:
        _problem(pdf, problem)


def _problem(pdf: FPDF, problem: Problem) -> None:
    is_error = problem.severity == ERROR
    place = f"{problem.line}:{problem.column}" if problem.line else "file"
    pdf.set_font("Helvetica", size=8)
    pdf.set_text_color(*_DIM)
    pdf.cell(_PLACE, 5, place)
    pdf.set_text_color(*_COLOURS[is_error])
    pdf.cell(_PLACE, 5, "error" if is_error else "warning")
    pdf.set_text_color(*_INK)
    pdf.multi_cell(0, 5, _plain(f"{problem.text}  {problem.rule}"), align="L", new_x="LMARGIN", new_y="NEXT")


def _line(pdf: FPDF, size: int, colour: tuple[int, int, int], text: str, *, bold: bool = False) -> None:
    pdf.set_font("Helvetica", style="B" if bold else "", size=size)
    pdf.set_text_color(*colour)
    pdf.multi_cell(0, size * 0.55, _plain(text), align="L", new_x="LMARGIN", new_y="NEXT")


def _plain(text: str) -> str:
    """The fonts that every reader has know Latin-1 only."""
    for written, plain in (("…", "..."), ("–", "-"), ("’", "'"), ("→", "->"), ("“", '"'), ("”", '"')):
        text = text.replace(written, plain)
    return text.encode("latin-1", "replace").decode("latin-1")
