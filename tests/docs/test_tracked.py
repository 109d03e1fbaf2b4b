"""The checks of `make check` on tracked files find what they are for, and nothing in the checkout as it is."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = (REPOSITORY / "tools/tracked.py").read_text()


def check(folder: Path) -> tuple[int, str]:
    """Run the script in a repository of its own."""
    (folder / "tools").mkdir()
    (folder / "tools/tracked.py").write_text(SCRIPT)
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run([sys.executable, "tools/tracked.py"], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("see [it](other.md)", "page.md:1: there is no other.md"),
        ("\n\n[it](#nowhere)", "page.md:3: this page has no heading #nowhere"),
        ("[it](sub/there.md#that)", "page.md:1: sub/there.md has no heading #that"),
        ("![a picture](picture.png 'title')", "page.md:1: there is no picture.png"),
        ("cd /ho" + "me/ada/work", "page.md:1: a path of one machine"),
    ],
)
def test_what_leads_nowhere_is_told(tmp_path: Path, page: str, complaint: str):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/there.md").write_text("# This\n")
    (tmp_path / "page.md").write_text(page)
    code, told = check(tmp_path)
    assert code == 1
    assert complaint in told


@pytest.mark.parametrize(
    "page",
    [
        "# Two words: here\n[it](#two-words-here) [web](https://example.com/none) [folder](sub)",
        "`[not](a link)`\n```\n[nor](this.md)\n```\n",
        "# Same\n# Same\n[second](#same-1)",
        "in `~/work` and /homework/x",
    ],
)
def test_what_is_in_order_is_not_told(tmp_path: Path, page: str):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/there.md").write_text("# This\n")
    (tmp_path / "page.md").write_text(page)
    assert check(tmp_path) == (0, "")


@pytest.mark.skipif(
    not (REPOSITORY / ".git").exists(), reason="no checkout: git tells which files are tracked"
)
def test_the_checkout_is_in_order():
    done = subprocess.run(
        [sys.executable, "tools/tracked.py"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
