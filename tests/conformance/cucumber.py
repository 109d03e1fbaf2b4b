"""Run the HTTP tests that public bundle repositories ship against `apiproxy serve`.

    python tests/conformance/cucumber.py --checkout DIR [--suite NAME]… [--npm DIR] [-v]

DIR holds clones of the repositories that suites.py names, as OWNER+NAME, OWNER/NAME or NAME; the clones are only read.
The suites run with the real cucumber and apickli (or jest), which npm installs into --npm DIR, by default a folder
beside other temporary files that is kept for the next run. The exit code is 0 when every scenario passed, 1 when one
failed, and 2 when a suite could not run.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import upstreams
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from suites import SUBJECT, SUITES, Json, Suite

HERE = Path(__file__).resolve().parent
PACKAGES = ("@cucumber/cucumber@12", "apickli@3", "prettyjson@1", "jest@30", "supertest@7", "js-yaml@4")
READY_SECONDS = 60
SUITE_SECONDS = 240


class CannotRun(Exception):
    """A suite that did not start: what is missing, or why the bundles do not deploy."""


@dataclass
class Outcome:
    """What a suite's scenarios came to; `troubles` has a line for each that did not pass."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    troubles: list[str] = field(default_factory=list)


def repository(checkout: Path, name: str) -> Path:
    owner, _, short = name.partition("/")
    for folder in (checkout / f"{owner}+{short}", checkout / owner / short, checkout / short):
        if folder.is_dir():
            return folder
    raise CannotRun(f"no clone of {name} in {checkout}")


def install(npm: Path) -> Path:
    """node_modules with cucumber, apickli and jest, installed once."""
    modules = npm / "node_modules"
    if not (modules / "apickli").is_dir() or not (modules / "supertest").is_dir():
        npm.mkdir(parents=True, exist_ok=True)
        (npm / "package.json").write_text('{"private": true}\n')
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", *PACKAGES], cwd=npm, check=True)
    return modules.resolve()


def key_pair() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {"private_key": private.decode().strip(), "public_key": public.decode().strip()}


def filled(value: Json, facts: dict[str, str]) -> Json:
    """The value with `{host}` and the keys in place."""
    if isinstance(value, str):
        for name, text in facts.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, list):
        return [filled(item, facts) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, facts) for key, item in value.items()}
    return value


def copy_of(suite: Suite, clone: Path, work: Path, facts: dict[str, str]) -> None:
    """The suite's folders under `work`, with what its deploy script would have replaced."""
    for path in (suite.root, *suite.bundles):
        if not (clone / path).is_dir():
            raise CannotRun(f"no folder {path} in {clone.name}")
        shutil.copytree(clone / path, work / path, dirs_exist_ok=True)
    root = work / suite.root
    for source, destination in suite.copies.items():
        shutil.copyfile(root / source, root / destination)
    for file in root.rglob("*"):
        if file.suffix in (".xml", ".js", ".feature", ".properties") and suite.replacements:
            text = file.read_text("utf-8")
            for old, new in suite.replacements.items():
                text = text.replace(old, str(filled(new, facts)))
            file.write_text(text, "utf-8")


def write_environment(suite: Suite, workspace: Path, facts: dict[str, str]) -> None:
    environment = workspace / "src/main/apigee/environments/test"
    data = workspace / "src/tests/conformance"
    environment.mkdir(parents=True)
    data.mkdir(parents=True)
    developer: Json = {"email": SUBJECT, "firstName": "Ada", "lastName": "Example", "userName": "ada"}
    files: dict[Path, tuple[Json, ...]] = {
        environment / "targetservers.json": suite.target_servers,
        data / "products.json": suite.products,
        data / "developers.json": (developer,),
        data / "developerapps.json": suite.apps,
        data / "maps.json": suite.maps,
    }
    for path, entries in files.items():
        path.write_text(json.dumps(filled(list(entries), facts), indent=2))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def served(
    suite: Suite, work: Path, workspace: Path, port: int, mock: int, facts: dict[str, str]
) -> Iterator[Path]:
    """The suite's bundles on `port`; what the runtime logs is in the file that this gives."""
    command = [
        sys.executable,
        "-m",
        "apiproxy_runtime",
        "serve",
        *(str(work / path) for path in suite.bundles),
    ]
    command += ["--port", str(port), "--no-control", "--state", "memory", "--env-dir", str(workspace)]
    for upstream in suite.upstreams:
        target = port if upstream == "{host}" else mock
        command += ["--connect-to", f"{filled(upstream, facts)}=http://127.0.0.1:{target}"]
    log = workspace / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=workspace)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while "Ready:" not in log.read_text("utf-8", "replace"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise CannotRun(
                    "does not deploy: " + " | ".join(log.read_text("utf-8", "replace").splitlines()[:6])
                )
            time.sleep(0.05)
        yield log
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def run_tool(command: list[str], root: Path, environment: dict[str, str]) -> str:
    """What the tool printed; its exit code is of no interest, since its report tells more."""
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SUITE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotRun(f"did not end within {SUITE_SECONDS} s") from error
    return done.stdout + done.stderr


def read_report(report: Path, printed: str) -> Json:
    if not report.is_file() or not report.stat().st_size:
        raise CannotRun("no report: " + " | ".join(printed.strip().splitlines()[-6:]))
    value: Json = json.loads(report.read_text("utf-8"))
    return value


def cucumber(suite: Suite, root: Path, modules: Path, environment: dict[str, str], report: Path) -> Outcome:
    command = [
        "node",
        str(modules / "@cucumber/cucumber/bin/cucumber.js"),
        "--format",
        f"json:{report}",
        "--exit",
    ]
    command += ["--require", f"{suite.tests}/**/*.js"] + (["--tags", suite.tags] if suite.tags else [])
    features = sorted(str(path.relative_to(root)) for path in (root / suite.tests).rglob("*.feature"))
    printed = run_tool([*command, *features], root, environment)
    outcome = Outcome()
    for feature in listed(read_report(report, printed)):
        for scenario in listed(feature.get("elements")):
            judge(outcome, Path(str(feature.get("uri"))).name, scenario)
    return outcome


def listed(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def judge(outcome: Outcome, feature: str, scenario: dict[str, Json]) -> None:
    name = f"{feature}: {scenario.get('name')}"
    for step in listed(scenario.get("steps")):
        result = step.get("result")
        if not isinstance(result, dict) or result.get("status") == "passed":
            continue
        reason = str(result.get("error_message") or "").strip()
        if result.get("status") in ("undefined", "pending"):
            outcome.skipped += 1
            outcome.troubles.append(f"skipped {name}: no such step: {step.get('name')}")
        else:
            outcome.failed += 1
            outcome.troubles.append(f"failed {name}: {step.get('name')}: {reason[:1500]}")
        return
    outcome.passed += 1


def jest(suite: Suite, root: Path, modules: Path, environment: dict[str, str], report: Path) -> Outcome:
    mapper = json.dumps(
        {"moduleNameMapper": {"^supertest$": str(HERE / "supertest.cjs")}, "rootDir": str(root)}
    )
    command = [
        "node",
        str(modules / "jest/bin/jest.js"),
        "--config",
        mapper,
        "--json",
        "--outputFile",
        str(report),
    ]
    environment = environment | {"CONFORMANCE_SUPERTEST": str(modules / "supertest")}
    printed = run_tool([*command, "int"], root, environment)
    outcome = Outcome()
    whole = read_report(report, printed)
    for file in listed(whole.get("testResults") if isinstance(whole, dict) else None):
        assertions = listed(file.get("assertionResults"))
        if not assertions:
            raise CannotRun(str(file.get("message"))[:600])
        for test in assertions:
            if test.get("status") == "passed":
                outcome.passed += 1
            else:
                outcome.failed += 1
                outcome.troubles.append(f"failed {test.get('title')}: {test.get('failureMessages')!s:.1500}")
    return outcome


def run(suite: Suite, checkout: Path, modules: Path, mock: int) -> Outcome:
    """Deploy the suite's bundles, run its tests on them, and say what came of it.

    Raises CannotRun.
    """
    clone = repository(checkout, suite.repository)
    with tempfile.TemporaryDirectory(prefix=f"conformance-{suite.name}-") as folder:
        work, workspace = Path(folder, "work"), Path(folder, "workspace")
        port = free_port()
        facts = {"host": f"127.0.0.1:{port}", **key_pair()}
        copy_of(suite, clone, work, facts)
        write_environment(suite, workspace, facts)
        root = work / suite.root
        (root / "node_modules").symlink_to(modules)
        environment = os.environ | {key: str(filled(text, facts)) for key, text in suite.variables.items()}
        environment |= {
            "CONFORMANCE_HOST": facts["host"],
            "NODE_PATH": str(modules),
            "CUCUMBER_PUBLISH_QUIET": "true",
        }
        environment["CONFORMANCE_PAUSE"] = str(suite.pause)
        environment["NODE_OPTIONS"] = f"--require {HERE / 'shim.cjs'}"
        runner = jest if suite.runner == "jest" else cucumber
        with served(suite, work, workspace, port, mock, facts):
            return runner(suite, root, modules, environment, Path(folder, "report.json"))


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Run public bundle repositories' own tests against apiproxy serve."
    )
    parser.add_argument("--checkout", type=Path, required=True, help="folder with the clones")
    parser.add_argument("--suite", action="append", help="only this suite (repeatable)")
    parser.add_argument("--npm", type=Path, default=Path(tempfile.gettempdir(), "apiproxy-conformance-npm"))
    parser.add_argument("-v", "--verbose", action="store_true", help="say all of each trouble")
    options = parser.parse_args()
    unknown = set(options.suite or ()) - {suite.name for suite in SUITES}
    if unknown:
        parser.error(
            f"no suite {', '.join(sorted(unknown))}; there are {', '.join(suite.name for suite in SUITES)}"
        )
    modules = install(options.npm)
    server = upstreams.start()
    total = Outcome()
    broken = 0
    for suite in SUITES:
        if options.suite and suite.name not in options.suite:
            continue
        try:
            outcome = run(suite, options.checkout.resolve(), modules, server.server_address[1])
        except CannotRun as error:
            broken += 1
            print(f"{suite.name:40} could not run: {error}", flush=True)
            continue
        print(
            f"{suite.name:40} {outcome.passed:3} passed {outcome.failed:3} failed {outcome.skipped:3} skipped"
        )
        for trouble in outcome.troubles:
            print("    " + (trouble if options.verbose else " ".join(trouble.split())[:300]))
        sys.stdout.flush()
        total.passed += outcome.passed
        total.failed += outcome.failed
        total.skipped += outcome.skipped
    server.shutdown()
    print(
        f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped, {broken} suites could not run"
    )
    return 2 if broken else 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
