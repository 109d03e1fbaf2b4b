from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[dict[str, str | bytes]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files (path → text or bytes) below a fresh folder and return that folder."""

    def write_files(files: dict[str, str | bytes]) -> Path:
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return write_files


@pytest.fixture
def orders() -> dict[str, str | bytes]:
    """A small, sound proxy; tests change or add files."""
    return {
        "apiproxy/orders.xml": '<APIProxy name="orders" revision="7"><Description>All orders</Description></APIProxy>',
        "apiproxy/proxies/default.xml": """<ProxyEndpoint name="default">
  <PreFlow name="PreFlow">
    <Request>
      <Step><Name>SA-Calm</Name></Step>
    </Request>
  </PreFlow>
  <Flows>
    <Flow name="list">
      <Description>List orders</Description>
      <Condition>request.verb = "GET"</Condition>
      <Request><Step><Condition>a = 1</Condition><Name>AM-Note</Name></Step></Request>
      <Response/>
    </Flow>
  </Flows>
  <HTTPProxyConnection>
    <BasePath>/orders/</BasePath>
    <VirtualHost>secure</VirtualHost>
    <Properties><Property name="api.timeout"> 9000 </Property></Properties>
  </HTTPProxyConnection>
  <RouteRule name="default"><TargetEndpoint>backend</TargetEndpoint></RouteRule>
</ProxyEndpoint>
""",
        "apiproxy/targets/backend.xml": """<TargetEndpoint name="backend">
  <HTTPTargetConnection>
    <URL>https://orders.example.com/v1</URL>
  </HTTPTargetConnection>
</TargetEndpoint>
""",
        "apiproxy/policies/SA-Calm.xml": '<SpikeArrest name="SA-Calm"><Rate>30pm</Rate></SpikeArrest>',
        "apiproxy/policies/AM-Note.xml": '<AssignMessage name="AM-Note" enabled="false" continueOnError="TRUE"/>',
        "apiproxy/resources/jsc/note.js": "var a = 1;",
        "apiproxy/resources/node/lib/deep.js": "1",
    }
