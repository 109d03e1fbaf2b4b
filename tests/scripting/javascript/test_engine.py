"""The engine under the host: limits, and what the binding needs to be spared."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from apiproxy_runtime.scripting.javascript.engine import DISARM, Engine, Interrupted, JavaScriptError, probe


def test_the_installed_engine_can_limit_scripts_that_call_the_host() -> None:
    assert probe()


def test_a_limit_starts_anew_with_each_call() -> None:
    engine = Engine()
    spin = engine.function(f"(function (n) {{ {DISARM} for (var i = 0; i < n; i++); return n; }})")
    for _ in range(5):
        assert engine.call_limited(spin, 0.2, 100_000) == 100_000
    started = time.process_time()
    with pytest.raises(Interrupted):
        engine.call_limited(spin, 0.05, 1e12)
    assert time.process_time() - started < 0.5


def test_the_limit_can_be_set_anew_while_a_host_function_runs() -> None:
    engine = Engine()
    engine.add("more", lambda: engine.arm(0.03))
    engine.arm(5.0)
    started = time.process_time()
    with pytest.raises(Interrupted):
        engine.eval("more(); while (true);")
    assert time.process_time() - started < 1.0


def test_a_context_is_freed_with_its_last_reference() -> None:
    import gc
    import weakref

    class Marker:
        def __call__(self) -> int:
            return 1

    gc.disable()
    try:
        marker = Marker()
        gone = weakref.ref(marker)
        engine = Engine()
        engine.add("f", marker)
        del marker, engine
        assert gone() is None
    finally:
        gc.enable()


def test_what_is_thrown_is_told_with_its_stack() -> None:
    with pytest.raises(JavaScriptError) as caught:
        Engine().eval("\nfunction f() { throw new TypeError('x\\ny'); }\nf();")
    assert caught.value.text == "TypeError: x\ny"
    assert "<input>:2" in caught.value.stack


def test_loading_the_policy_starts_no_engine() -> None:
    code = (
        "import sys, apiproxy_policies.extension.javascript\n"
        "assert '_quickjs' not in sys.modules and 'greenlet' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "policies:."})


def test_the_engine_starts_no_thread() -> None:
    code = (
        "import threading, apiproxy_runtime.scripting.javascript.program as p\n"
        "p.compile_script([p.Script('a.js', '1')], properties={}, time_limit_ms=1)\n"
        "assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "."})
