"""Every command of the documentation does what the page shows.

The fences named `console` are run, in the order of the page, in a copy of the samples on free ports; others are not.
A line that begins with `$ ` is a command (a backslash at its end continues it), the lines after it are what it
prints: each must come, in this order, with anything between. In such a line `…` stands for anything, and so do
timings and ids. A server goes on in the background until `^C`, the next server or the end of the page.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.samples.sample import CONTROL, REPOSITORY, TRAFFIC, Copy, Started, copy_samples, environment

BLOCK = re.compile(r"^```console(?: exit=(\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARYING = re.compile(
    r"(?P<time>\d+(?:\.\d+)?(?= (?:µs|ms)\b))"
    r"|(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<any>…)"
)
#: pages whose commands install packages and use ports of their own; what they describe has tests elsewhere
APART = ("write-a-policy.md", "performance.md")
PAGES = [
    page
    for page in [
        REPOSITORY / "README.md",
        REPOSITORY / "CONTRIBUTING.md",
        *(REPOSITORY / "docs").glob("*.md"),
    ]
    if page.name not in APART and BLOCK.search(page.read_text(encoding="utf-8"))
]


@dataclass
class Command:
    text: str
    output: list[str]
    line: int
    exit_code: int

    @property
    def serves(self) -> bool:
        """Whether it goes on until it is stopped."""
        return self.text.startswith("make serve") or (
            self.text.startswith("apiproxy serve") and "--check" not in self.text
        )


def commands(page: str) -> Iterator[Command]:
    for block in BLOCK.finditer(page):
        first = page.count("\n", 0, block.start()) + 2
        found: list[Command] = []
        continued = False
        for number, line in enumerate(block[2].splitlines(), first):
            if line.startswith("$ ") or line == "^C":
                found.append(Command(line.removeprefix("$ "), [], number, 0))
            elif continued:
                found[-1].text += "\n" + line
            elif line.strip():
                assert found, f"line {number}: a console block begins with a command"
                found[-1].output.append(line)
            continued = line.endswith("\\")
        if found:
            found[-1].exit_code = int(block[1] or 0)
        yield from found


def pattern(line: str) -> re.Pattern[str]:
    """What a printed line must look like."""
    written, end = "", 0
    for varying in VARYING.finditer(line):
        written += re.escape(line[end : varying.start()])
        written += {"time": r"\d+(\.\d+)?", "uuid": r"[0-9a-f-]{36}"}.get(varying.lastgroup or "", ".*")
        end = varying.end()
    return re.compile(written + re.escape(line[end:].rstrip()))


def missing(expected: list[str], printed: str) -> str | None:
    """The first expected line that is not printed after those before it."""
    lines = iter(printed.splitlines())
    for line in expected:
        wanted = pattern(line)
        if not any(wanted.fullmatch(printed_line.rstrip()) for printed_line in lines):
            return line
    return None


class Terminal:
    """Runs the commands of one page."""

    def __init__(self, copy: Copy) -> None:
        self.copy = copy
        self.server: Started | None = None
        self.servers = 0

    def run(self, command: Command) -> None:
        if command.text == "^C":
            self.stop()
        elif command.serves:
            self.serve(command)
        else:
            done = subprocess.run(
                ["bash", "-c", self.copy.here(command.text)],
                cwd=self.copy.folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=60,
                check=False,
            )
            printed = self.copy.documented(done.stdout.decode())
            assert done.returncode == command.exit_code, f"exit {done.returncode}:\n{printed}"
            self.compare(command, printed)

    def serve(self, command: Command) -> None:
        self.stop()
        text = self.copy.here(command.text)
        runner = f"{sys.executable} samples/run.py --port {self.copy.ports[TRAFFIC]}"
        runner += f" --control-port {self.copy.ports[CONTROL]}"
        text = re.sub(
            r"^make serve(?: ARGS=(['\"])(.*)\1)?", lambda match: f"{runner} {match[2] or ''}", text
        )
        ports = f"--port {self.copy.ports[TRAFFIC]} --control-port {self.copy.ports[CONTROL]}"
        text = re.sub(r"^apiproxy serve\b", f"apiproxy serve {ports}", text)
        self.servers += 1
        log = self.copy.folder / f"server-{self.servers}.log"
        self.server = Started(f"exec {text}", self.copy.folder, environment(), log)
        self.server.wait_for("Ready: ")
        if "run.py" in text:
            self.server.wait_for("Ctrl-C stops everything.")
        self.compare(command, self.copy.documented(self.server.text()))

    def compare(self, command: Command, printed: str) -> None:
        absent = missing(command.output, printed)
        assert absent is None, f"{command.text}\ndoes not print\n{absent}\nbut\n{printed}"

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_the_page_print_what_it_shows(page: Path, tmp_path: Path):
    terminal = Terminal(copy_samples(tmp_path))
    try:
        for command in commands(page.read_text(encoding="utf-8")):
            try:
                terminal.run(command)
            except AssertionError as error:
                pytest.fail(f"{page.relative_to(REPOSITORY)}:{command.line}: {error}", pytrace=False)
    finally:
        terminal.stop()


@pytest.mark.parametrize(
    ("expected", "printed", "absent"),
    [
        (["a", "c"], "a\nb\nc\n", None),
        (["c", "a"], "a\nb\nc\n", "a"),
        (["done in 12 ms, …"], "done in 3.5 ms, or so\n", None),
        (["a.c"], "abc\n", "a.c"),
    ],
)
def test_lines_must_come_in_order(expected: list[str], printed: str, absent: str | None):
    assert missing(expected, printed) == absent


def test_a_block_gives_commands_with_their_output():
    page = "text\n```console exit=2\n$ one \\\n  more\nout\n$ two\n```\n"
    assert list(commands(page)) == [
        Command("one \\\n  more", ["out"], 3, 0),
        Command("two", [], 6, 2),
    ]
