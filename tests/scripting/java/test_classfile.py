from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.scripting.java.classfile import Jars, NotAClass, of_platform, read_class
from apiproxy_runtime.scripting.java.jvm import SIDECAR

FAULT = "com/apigee/flow/Fault"


def sidecar() -> dict[str, bytes]:
    with zipfile.ZipFile(SIDECAR) as jar:
        return {name: jar.read(name) for name in jar.namelist()}


CLASS = sidecar()[f"{FAULT}.class"]


def test_a_class_tells_its_ancestry_and_constructors() -> None:
    found = read_class(CLASS)
    assert (found.name, found.parent, found.interfaces) == (
        FAULT,
        "java/lang/Object",
        ("com/apigee/flow/FlowInfo",),
    )
    # the protected constructor is not told
    assert found.constructors == (
        "(Lcom/apigee/flow/Fault$Category;Ljava/lang/String;Ljava/lang/Throwable;)V",
    )
    assert (found.version, found.java_version) == (52, 8)


@given(st.integers(0, len(CLASS)), st.binary(max_size=8))
def test_damaged_classes_are_told_as_such(place: int, noise: bytes) -> None:
    for damaged in (CLASS[:place], CLASS[:place] + noise + CLASS[place + len(noise) :], noise):
        try:
            read_class(damaged)
        except NotAClass:
            continue


def test_the_first_jar_counts() -> None:
    def jar(files: dict[str, bytes]) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return content.getvalue()

    jars = Jars(
        {"a.jar": jar({"x/Y.class": b"no class"}), "b.jar": jar({"x/Y.class": CLASS, "z/Z.class": CLASS})}
    )
    assert (jars.jar_of("x/Y"), jars.jar_of("z/Z"), jars.jar_of("q/Q")) == ("a.jar", "b.jar", None)
    assert jars.find("q/Q") is None
    with pytest.raises(NotAClass):
        jars.find("x/Y")


def test_ancestry_is_followed_through_the_jars() -> None:
    content = io.BytesIO(SIDECAR.read_bytes())
    jars = Jars({"sidecar.jar": content.getvalue()})
    found = jars.find("apiproxy/sidecar/NamedConnection")
    assert found is not None
    known, elsewhere = jars.ancestry(found)
    assert {item.name for item in known} == {
        "apiproxy/sidecar/NamedConnection",
        "com/apigee/flow/message/Connection",
        "com/apigee/flow/message/TransportMessageFactory",
    }
    assert elsewhere == ["java/lang/Object"]


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("java/lang/Object", True),
        ("com/apigee/flow/Fault", True),
        ("org/bouncycastle/X", False),
        ("Plain", False),
    ],
)
def test_platform_classes_need_no_jar(name: str, platform: bool) -> None:
    assert of_platform(name) is platform
