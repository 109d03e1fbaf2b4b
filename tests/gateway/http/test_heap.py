import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from apiproxy_runtime.gateway.http.heap import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def body():
    pieces = [bytes([n]) * 200_000 for n in range(8)]
body()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    body()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc only")
def test_pieces_of_large_bodies_reuse_their_memory():
    faults = {
        mode: int(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, mode], capture_output=True, check=True, text=True
            ).stdout
        )
        for mode in ("keep", "leave")
    }
    assert faults["keep"] * 5 < faults["leave"]
