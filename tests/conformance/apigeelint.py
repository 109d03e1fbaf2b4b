"""Compare what `apiproxy lint` and apigeelint find in the same bundles.

    python tests/conformance/apigeelint.py --checkout DIR [--npm DIR] [--cache DIR] [--profile apigeex|apigee]
        [--only GLOB]… [--rules IDS] [--show N] [--waive FILE] [--min PERCENT]

DIR holds bundles anywhere in it, for example clones of public repositories; they are only read. apigeelint is
installed by npm into --npm DIR, by default a folder beside other temporary files that is kept for the next run, and
its answers are kept in --cache DIR, since it takes a second or so for each bundle.

A finding is a file and a rule's id; several of one rule in one file count once. Agreement is what both find, divided by
what either finds. BN001, BN006, BN007 and BN013 concern the bundle as a whole and are compared for the bundle, not for a
file. Rules that only one of the two linters has are left out, and so are PO013 and PO025, which depend on other linters.

The file given with --waive (by default apigeelint_waived.json beside this script) lists differences in which apigeelint
is known to be wrong: rule, kind (missed: only apigeelint finds it; extra: only we do), the bundle as a pattern, the file
as a regular expression, a piece of the message, and the reason. They are counted apart. The exit code is 0 when the agreement without them is at
least --min, 1 when it is not, and 2 when one of the two linters could not run.
"""

import argparse
import fnmatch
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from apiproxy_runtime.lint.config import Config
from apiproxy_runtime.lint.gather import bundles_at, gather
from apiproxy_runtime.lint.linter import lint
from apiproxy_runtime.lint.registry import find_rules

HERE = Path(__file__).resolve().parent
VERSION = "2.85.1"
BUNDLE_RULES = frozenset(("BN001", "BN006", "BN007", "BN013"))
OTHER_LINTERS = ("PO013", "PO025")
SECONDS = 300

Key = tuple[str, str]


class CannotRun(Exception):
    """One of the linters gave no answer; the text says why."""


@dataclass(frozen=True)
class Finding:
    file: str
    rule: str
    line: int
    message: str

    @property
    def key(self) -> Key:
        """What is compared."""
        return ("" if self.rule in BUNDLE_RULES else self.file, self.rule)


@dataclass(frozen=True)
class Difference:
    """`missed`: only apigeelint has it, `extra`: only we do."""

    kind: str
    bundle: str
    finding: Finding
    reason: str = ""

    def __str__(self) -> str:
        place = f"{self.bundle}/{self.finding.file}:{self.finding.line}"
        return f"{self.kind:6} {self.finding.rule} {place}: {self.finding.message[:220]}"


def install(npm: Path) -> Path:
    """apigeelint's command, installed once."""
    command = npm / "node_modules/apigeelint/cli.js"
    if not command.is_file():
        npm.mkdir(parents=True, exist_ok=True)
        (npm / "package.json").write_text('{"private": true}\n')
        wanted = f"apigeelint@{VERSION}"
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", wanted], cwd=npm, check=True)
    return command.resolve()


def ask_apigeelint(command: Path, bundle: Path, profile: str, cache: Path) -> list[Finding]:
    """Its findings in one bundle, from the cache if it has answered before. Raises CannotRun."""
    digest = hashlib.sha256(f"{VERSION} {profile} {bundle}".encode()).hexdigest()[:16]
    answer = cache / f"{digest}.json"
    if not answer.is_file():
        arguments = ["-s", str(bundle), "-f", "json.js", "--profile", profile, "--norc"]
        result = subprocess.run(
            ["node", str(command), *arguments, "-e", ",".join(OTHER_LINTERS)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            cwd=bundle.parent,
        )
        lines = [line for line in result.stdout.splitlines() if line.startswith("[")]
        if not lines:
            raise CannotRun(f"apigeelint on {bundle}: {(result.stderr.strip() or 'no output')[:300]}")
        answer.write_text(lines[-1])
    files = json.loads(answer.read_text())
    return [
        Finding(
            relative(file["filePath"], bundle), item["ruleId"], item.get("line") or 0, str(item["message"])
        )
        for file in files
        for item in file["messages"]
    ]


def relative(path: str, bundle: Path) -> str:
    file = Path(path)
    absolute = file if file.is_absolute() else bundle.parent / file
    return absolute.resolve().relative_to(bundle.parent).as_posix()


def ask_ourselves(bundle: Path, profile: str) -> list[Finding]:
    gathered = gather([bundle], profile=profile, compiled=False)
    config = Config(profile="apigee" if profile == "apigee" else "apigeex")
    report = lint(gathered.bundles, find_rules(config.exclude), config)
    broken = [problem for file in report.files for problem in file.problems if problem.internal]
    if broken:
        raise CannotRun(f"{bundle}: {broken[0].rule}: {broken[0].message}")
    return [
        Finding(file.file, problem.rule, problem.line, problem.text)
        for file in report.files
        for problem in file.problems
    ]


def shared_rules(command: Path) -> frozenset[str]:
    """The rules that both have."""
    plugins = command.parent / "lib/package/plugins"
    theirs = {file.name.partition("-")[0] for file in plugins.glob("[A-Z][A-Z][0-9]*.js")}
    return frozenset(theirs & {rule.id for rule in find_rules(frozenset())}) - frozenset(OTHER_LINTERS)


def differences(bundle: str, theirs: Iterable[Finding], ours: Iterable[Finding]) -> Iterator[Difference]:
    left, right = {item.key: item for item in theirs}, {item.key: item for item in ours}
    for key, item in left.items():
        if key not in right:
            yield Difference("missed", bundle, item)
    for key, item in right.items():
        if key not in left:
            yield Difference("extra", bundle, item)


def reason_for(difference: Difference, waivers: Sequence[Mapping[str, str]]) -> str:
    """Why apigeelint is wrong here; "" if nothing says that it is."""
    finding = difference.finding
    for waiver in waivers:
        if (
            waiver["rule"] == finding.rule
            and waiver.get("kind", difference.kind) == difference.kind
            and fnmatch.fnmatch(difference.bundle, waiver.get("bundle", "*"))
            and re.fullmatch(waiver.get("file", ".*"), finding.file)
            and waiver.get("message", "") in finding.message
        ):
            return waiver["reason"]
    return ""


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


def lines_of(findings: Iterable[Finding]) -> dict[Key, set[int]]:
    """The lines of the findings that have one."""
    lines: dict[Key, set[int]] = {}
    for item in findings:
        lines.setdefault(item.key, set()).update({item.line} - {0})
    return lines


def print_table(
    both: Counter[str], elsewhere: Counter[str], found: Sequence[Difference], waived: Sequence[Difference]
) -> None:
    """One line for each rule; `lines` tells how many of the common findings stand on other lines."""
    print(f"{'rule':6} {'both':>5} {'lines':>6} {'missed':>6} {'extra':>5} {'waived':>6} {'agree':>7}")
    missed = Counter(item.finding.rule for item in found if item.kind == "missed")
    extra = Counter(item.finding.rule for item in found if item.kind == "extra")
    known = Counter(item.finding.rule for item in waived)
    for rule in sorted({*both, *missed, *extra, *known}):
        whole = both[rule] + missed[rule] + extra[rule]
        agree = percent(both[rule], whole)
        print(
            f"{rule:6} {both[rule]:5} {elsewhere[rule]:6} {missed[rule]:6} {extra[rule]:5} {known[rule]:6} {agree:6.1f}%"
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkout", type=Path, required=True, metavar="DIR")
    parser.add_argument("--npm", type=Path, default=Path(tempfile.gettempdir()) / "apiproxy-apigeelint")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="default: answers/ in the npm folder")
    parser.add_argument("--profile", choices=("apigeex", "apigee"), default="apigeex")
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="bundles, below DIR")
    parser.add_argument("--rules", default="", metavar="IDS", help="compare only these; PO* is allowed")
    parser.add_argument("--show", type=int, default=5, metavar="N", help="differences to print for each rule")
    parser.add_argument("--waive", type=Path, default=HERE / "apigeelint_waived.json", metavar="FILE")
    parser.add_argument("--min", type=float, default=98.0, metavar="PERCENT", help="default: 98")
    parser.add_argument("--jobs", type=int, default=1, help="apigeelint runs at a time (default: 1)")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    root: Path = options.checkout.resolve()
    command = install(options.npm)
    cache: Path = options.cache or options.npm / "answers"
    cache.mkdir(parents=True, exist_ok=True)
    waivers = json.loads(options.waive.read_text())
    patterns = [pattern for pattern in options.rules.upper().split(",") if pattern] or ["*"]
    rules = {rule for rule in shared_rules(command) if any(fnmatch.fnmatch(rule, p) for p in patterns)}
    bundles = sorted(Path(source.source.name, source.kind).resolve() for source in bundles_at(root))
    names = {bundle: bundle.relative_to(root).as_posix() for bundle in bundles}
    if options.only:
        names = {
            bundle: name
            for bundle, name in names.items()
            if any(fnmatch.fnmatch(name, p) for p in options.only)
        }

    def theirs_in(bundle: Path) -> list[Finding] | CannotRun:
        try:
            return ask_apigeelint(command, bundle, options.profile, cache)
        except (CannotRun, subprocess.TimeoutExpired) as error:
            return CannotRun(str(error))

    both: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    found: list[Difference] = []
    waived: list[Difference] = []
    failed: list[str] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for (bundle, name), answer in zip(names.items(), pool.map(theirs_in, names), strict=True):
            try:
                if isinstance(answer, CannotRun):
                    raise answer
                ours = [item for item in ask_ourselves(bundle, options.profile) if item.rule in rules]
            except CannotRun as error:
                failed.append(str(error))
                continue
            theirs = [item for item in answer if item.rule in rules]
            left, right = lines_of(theirs), lines_of(ours)
            both.update(rule for _, rule in left.keys() & right.keys())
            elsewhere.update(key[1] for key in left.keys() & right.keys() if left[key] - right[key])
            for item in differences(name, theirs, ours):
                reason = reason_for(item, waivers)
                if reason:
                    waived.append(Difference(item.kind, item.bundle, item.finding, reason))
                else:
                    found.append(item)
    print_table(both, elsewhere, found, waived)
    shown: Counter[str] = Counter()
    for item in sorted(
        found, key=lambda item: (item.finding.rule, item.kind, item.bundle, item.finding.file)
    ):
        shown[item.finding.rule] += 1
        if shown[item.finding.rule] <= options.show:
            print(item)
    for (rule, reason), count in sorted(Counter((item.finding.rule, item.reason) for item in waived).items()):
        print(f"waived {count:4} {rule}: {reason}")
    for failure in failed:
        print("failed", failure, file=sys.stderr)
    same = sum(both.values())
    agreement = percent(same, same + len(found))
    print(
        f"{len(names)} bundles, {len(rules)} shared rules: {same} findings in common, {len(found)} differ, "
        f"{len(waived)} differ where apigeelint is wrong. Agreement {agreement:.2f} %, "
        f"all counted {percent(same, same + len(found) + len(waived)):.2f} %."
    )
    if failed:
        return 2
    return 0 if agreement >= options.min else 1


if __name__ == "__main__":
    sys.exit(main())
