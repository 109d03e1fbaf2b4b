from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from apiproxy_runtime.bundle import archive
from apiproxy_runtime.bundle.archive import FolderSource, SourceError, ZipSource, open_source, sub_source

Write = Callable[[dict[str, str | bytes]], Path]
FILES: dict[str, str | bytes] = {
    "apiproxy/a.xml": "<a/>",
    "apiproxy/resources/jsc/x.js": "1",
    "other/b.txt": "b",
    "__MACOSX/apiproxy/._a.xml": "junk",
    "apiproxy/._a.xml": "junk",
    "apiproxy/.DS_Store": "junk",
    ".git/config": "junk",
}


def zipped(members: dict[str, str | bytes], **fields: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for field, value in fields.items():
                setattr(info, field, value)
            file.writestr(info, content)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_folder_and_a_zip_of_it_look_the_same(write: Write, kind: str) -> None:
    source = FolderSource(write(FILES)) if kind == "folder" else ZipSource(zipped(FILES), "x.zip")
    assert source.files() == ("apiproxy/a.xml", "apiproxy/resources/jsc/x.js", "other/b.txt")
    assert source.files("apiproxy/resources") == ("apiproxy/resources/jsc/x.js",)
    assert source.files("apiprox") == ()
    assert source.folders() == ("apiproxy", "other")
    assert source.folders("apiproxy") == ("resources",)
    assert source.folders("nowhere") == ()
    assert source.read("other/b.txt") == b"b"
    with pytest.raises(SourceError, match=r"nowhere\.txt"):
        source.read("nowhere.txt")


def test_names_beside_a_folder_are_not_in_it() -> None:
    source = ZipSource(zipped({"a/b": "", "a-x/c": "", "a.txt": "", "a0/d": "", "a/b2/c/d": ""}), "x.zip")
    assert source.files("a") == ("a/b", "a/b2/c/d")
    assert source.folders("a") == ("b2",)
    assert source.folders("a/b2") == ("c",)
    assert source.folders() == ("a", "a-x", "a0")


def test_a_folder_of_a_source_is_a_source(write: Write) -> None:
    source = sub_source(FolderSource(write(FILES)), "apiproxy/resources")
    assert source.files() == ("jsc/x.js",)
    assert source.folders() == ("jsc",)
    assert source.read("jsc/x.js") == b"1"
    assert source.stem == "resources"
    assert source.name.endswith("/apiproxy/resources")


def test_a_zip_made_with_backslashes_is_read() -> None:
    assert ZipSource(zipped({"apiproxy\\a.xml": "x"}), "x.zip").read("apiproxy/a.xml") == b"x"


@pytest.mark.parametrize(
    "name", ["../evil.txt", "a/../../evil", "/etc/passwd", "a\\..\\..\\evil", "C:/evil", "C:\\evil"]
)
def test_a_member_that_would_leave_the_folder_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="outside"):
        ZipSource(zipped({name: "x"}), "x.zip")


def test_a_member_in_endless_folders_is_refused() -> None:
    with pytest.raises(SourceError, match="too many folders"):
        ZipSource(zipped({"a/" * 1000 + "b": "x"}), "x.zip")


def test_a_member_that_is_a_link_is_refused() -> None:
    with pytest.raises(SourceError, match="symbolic link"):
        ZipSource(zipped({"a": "/etc/passwd"}, external_attr=0o120777 << 16), "x.zip")


def test_a_zip_bomb_is_refused_unopened() -> None:
    with pytest.raises(SourceError, match="zip bombs"):
        ZipSource(zipped({"a": b"\0" * (8 << 20)}), "x.zip")


def test_sizes_and_counts_are_bounded(monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    data = zipped({"a": "x" * 100, "b": "y" * 100})
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 150)
    with pytest.raises(SourceError, match="150 bytes"):
        ZipSource(data, "x.zip")
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 50)
    with pytest.raises(SourceError, match="50 bytes"):
        ZipSource(data, "x.zip")
    with pytest.raises(SourceError, match="50 bytes"):
        FolderSource(write({"a": "x" * 51})).read("a")
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1)
    with pytest.raises(SourceError, match="2 members"):
        ZipSource(data, "x.zip")


def test_a_member_larger_than_the_directory_says_is_refused() -> None:
    data = bytearray(zipped({"a": "x" * 1000}))
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (10).to_bytes(4, "little")
    with pytest.raises(SourceError):
        ZipSource(bytes(data), "x.zip").read("a")


def test_a_damaged_member_is_an_error_not_a_traceback() -> None:
    data = bytearray(zipped({"a": "hello hello hello hello"}))
    data[35] ^= 0xFF
    with pytest.raises(SourceError):
        ZipSource(bytes(data), "x.zip").read("a")


def test_what_is_no_zip_is_named(write: Write) -> None:
    with pytest.raises(SourceError, match=r"x\.zip: not a zip archive"):
        open_source(write({"x.zip": "hello"}) / "x.zip")
    with pytest.raises(SourceError, match="no such file"):
        open_source(Path("/nowhere/at/all"))


def test_links_that_leave_the_folder_are_refused(write: Write) -> None:
    root = write({"in/a.txt": "a", "in/deep/b.txt": "b", "out/secret.txt": "s"})
    (root / "in/file").symlink_to(root / "out/secret.txt")
    (root / "in/inner").symlink_to(root / "in/deep")
    source = FolderSource(root / "in")
    assert "inner/b.txt" in source.files()
    with pytest.raises(SourceError, match="file leads out of the folder"):
        source.read("file")
    with pytest.raises(SourceError, match="leads out of the folder"):
        source.read("../out/secret.txt")
    (root / "in/away").symlink_to(root / "out")
    with pytest.raises(SourceError, match="away leads out of the folder"):
        source.files()


def test_a_circle_of_links_ends(write: Write) -> None:
    root = write({"a/b.txt": "b"})
    (root / "a/again").symlink_to(root / "a")
    with pytest.raises(SourceError, match="circle"):
        FolderSource(root).files()
