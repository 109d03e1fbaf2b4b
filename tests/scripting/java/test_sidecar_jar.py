"""The jar that is kept is the one that its sources make, and it has what callouts need."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from pathlib import Path

import pytest

from apiproxy_runtime.scripting.java.classfile import read_class
from apiproxy_runtime.scripting.java.jvm import SIDECAR

TOOL = Path(__file__).parents[3] / "tools" / "sidecar.py"


def test_classes_run_from_java_8_on() -> None:
    with zipfile.ZipFile(SIDECAR) as jar:
        versions = {read_class(jar.read(name)).version for name in jar.namelist() if name.endswith(".class")}
    assert versions == {52}


@pytest.mark.parametrize(
    "name",
    [
        "execution/Action",
        "execution/ExecutionContext",
        "execution/ExecutionResult",
        "execution/IOIntensive",
        "execution/spi/Execution",
        "message/Connection",
        "message/FlowContext",
        "message/Message",
        "message/MessageContext",
        "Fault",
        "Fault$Category",
        "FlowInfo",
    ],
)
def test_the_api_of_callouts_is_there(name: str) -> None:
    with zipfile.ZipFile(SIDECAR) as jar:
        assert f"com/apigee/flow/{name}.class" in jar.namelist()


@pytest.mark.skipif(shutil.which("javac") is None, reason="there is no javac")
def test_the_jars_are_what_their_sources_make() -> None:
    spec = importlib.util.spec_from_file_location("sidecar_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    javac = shutil.which("javac")
    assert javac is not None
    for sources, jar, with_api in ((tool.JAVA / "src", SIDECAR, False), (*tool.CALLOUT, True)):
        made = tool.build(javac, sources, with_api=with_api)
        if tool.javac_version(javac) == tool.built_with(jar):
            assert made == jar.read_bytes()
