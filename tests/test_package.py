"""What is built and installed is all that runs, and nothing else."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.samples.sample import REPOSITORY, copy_samples

PACKAGES = {"apiproxy_runtime": REPOSITORY, "apiproxy_policies": REPOSITORY / "policies"}
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def files_of(package: str) -> set[str]:
    root = PACKAGES[package]
    return {
        path.relative_to(root).as_posix()
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_both_packages_whole_and_nothing_else(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    metadata = f"apiproxy_runtime-{PROJECT['version']}.dist-info"
    assert {name.partition("/")[0] for name in names} == {*PACKAGES, metadata}
    assert {name for name in names if not name.startswith(metadata)} == set.union(*map(files_of, PACKAGES))
    assert {"apiproxy_runtime/py.typed", "apiproxy_policies/py.typed"} <= set(names)
    assert f"{metadata}/licenses/LICENSE" in names


def test_an_installed_wheel_serves_the_sample(wheel: Path, tmp_path: Path):
    copy = copy_samples(tmp_path)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    scripts = venv / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run(
        [scripts / "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)],
        check=True,
    )
    # the dependencies of this environment without its .pth files, which would bring the checkout in
    asked = [scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site_packages = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    (site_packages / "dependencies.pth").write_text(own_site_packages())
    bundles = ["samples/apiproxy", "samples/sharedflowbundle", "--env-dir", "samples/environment"]
    done = subprocess.run(
        [scripts / "apiproxy", "serve", "--check", *bundles],
        cwd=copy.folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Deployed orders revision 1: /orders/v1 (default)" in done.stdout
    where = "import apiproxy_runtime, apiproxy_policies as p; print(apiproxy_runtime.__file__, p.__file__)"
    found = subprocess.run([scripts / "python", "-c", where], cwd=tmp_path, capture_output=True, text=True)
    assert found.stdout.count(str(site_packages)) == 2, found.stdout + found.stderr


def own_site_packages() -> str:
    return "\n".join(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))


def imports(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def declared() -> set[str]:
    extras = PROJECT["optional-dependencies"].values()
    requirements = [*PROJECT["dependencies"], *(each for extra in extras for each in extra)]
    return {
        re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")
        for requirement in requirements
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_every_distribution_that_is_imported_is_declared(package: str):
    distributions = packages_distributions()
    imported = set().union(*(imports(path) for path in (PACKAGES[package] / package).rglob("*.py")))
    foreign = imported - set(sys.stdlib_module_names) - set(PACKAGES) - {"__future__"}
    undeclared = {
        module
        for module in foreign
        if not {name.lower().replace("_", "-") for name in distributions.get(module, [module])} & declared()
    }
    assert undeclared == set()


def test_every_version_is_the_same():
    code = (REPOSITORY / "apiproxy_runtime/__init__.py").read_text()
    assert f'__version__ = "{PROJECT["version"]}"' in code
