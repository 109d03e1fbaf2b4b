"""Begin a bundle: the files of a small proxy that deploys as it is."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~*-]+)+")


def run(options: argparse.Namespace) -> int:
    """0, or 2 when the bundle cannot be made; nothing that is there is written over."""
    name: str = options.name
    base_path: str = options.base_path or f"/{name}"
    target: str | None = options.target
    if not _NAME.fullmatch(name):
        return _refuse(f"{name!r} is no name for a proxy; use letters, digits and . _ -")
    if not _BASE_PATH.fullmatch(base_path):
        return _refuse(f"--base-path must be a path such as /{name}/v1, not {base_path!r}")
    if target is not None and (
        urlsplit(target).scheme not in ("http", "https") or not urlsplit(target).netloc
    ):
        return _refuse(f"--target must be an http or https URL, not {target!r}")
    folder: Path = (options.output or Path(name)) / "apiproxy"
    if folder.exists():
        return _refuse(f"{folder} is there already")
    try:
        for path, text in files(name, base_path, target).items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}")
    print(f"{folder}: a proxy on {base_path}\nTry:  apiproxy serve {folder.parent}")
    print(f"      curl http://127.0.0.1:8998{base_path.replace('*', 'x')}")
    return 0


def _refuse(why: str) -> int:
    print(f"apiproxy new: {why}", file=sys.stderr)
    return 2


def files(name: str, base_path: str, target: str | None) -> dict[str, str]:
    """The files of the bundle by their path below apiproxy/."""
    made = {
        f"{name}.xml": f'<APIProxy name="{name}" revision="1">\n  <DisplayName>{name}</DisplayName>\n</APIProxy>\n',
        "proxies/default.xml": _proxy(base_path, target is not None),
        "policies/AM-Answer.xml": _answer(name) if target is None else _forwarded(),
    }
    if target is not None:
        made["targets/default.xml"] = _target(target)
    return made


def _proxy(base_path: str, has_target: bool) -> str:
    step = "<Step><Name>AM-Answer</Name></Step>"
    where = "<TargetEndpoint>default</TargetEndpoint>" if has_target else ""
    rule = f'<RouteRule name="default">{where}</RouteRule>' if where else '<RouteRule name="none"/>'
    return f"""<ProxyEndpoint name="default">
  <PreFlow name="PreFlow">
    <Response>{step}</Response>
  </PreFlow>
  <HTTPProxyConnection>
    <BasePath>{base_path}</BasePath>
  </HTTPProxyConnection>
  {rule}
</ProxyEndpoint>
"""


def _answer(name: str) -> str:
    return f"""<AssignMessage name="AM-Answer">
  <DisplayName>AM-Answer</DisplayName>
  <Set>
    <Payload contentType="application/json">{{"proxy": "{name}", "path": "{{escapeJSON(proxy.pathsuffix)}}"}}</Payload>
  </Set>
  <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>
</AssignMessage>
"""


def _forwarded() -> str:
    return """<AssignMessage name="AM-Answer">
  <DisplayName>AM-Answer</DisplayName>
  <Set>
    <Headers><Header name="X-Request-Id">{messageid}</Header></Headers>
  </Set>
  <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>
</AssignMessage>
"""


def _target(url: str) -> str:
    tls = "\n    <SSLInfo>\n      <Enabled>true</Enabled>\n      <Enforce>true</Enforce>\n    </SSLInfo>"
    return f"""<TargetEndpoint name="default">
  <HTTPTargetConnection>
    <URL>{escape(url)}</URL>{tls if url.startswith("https:") else ""}
  </HTTPTargetConnection>
</TargetEndpoint>
"""
