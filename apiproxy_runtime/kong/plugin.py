"""A plugin of Kong: what may stand in its `config`, when it runs, and what it does.

One module of `kong/plugins/` holds one plugin, named `PLUGIN`. The declaration alone is what a converter needs to
write a `config`: `plugin_named("rate-limiting").fields`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from apiproxy_runtime.bundle.finding import Findings, Placed
from apiproxy_runtime.kong.schema import Config, Field

if TYPE_CHECKING:
    from apiproxy_runtime.kong.context import KongContext
    from apiproxy_runtime.kong.site import KongSite

#: Does a phase's work; returns an awaitable when it has to wait.
Handler = Callable[["KongContext"], Awaitable[None] | None]

#: `kong` plugins come with the open-source Kong Gateway, `enterprise` ones with the licensed one, `custom` ones with
#: neither.
Edition = Literal["kong", "enterprise", "custom"]


class Phases(Struct, frozen=True):
    """What one instance of a plugin does; each None where it does nothing.

    access         before the upstream is called; may answer by raising `Exit`
    header_filter  changes the head of the response
    body_filter    changes the whole body of the response (it is held for it)
    log            after the answer was sent
    reads_body     whether access needs the whole request body
    """

    access: Handler | None = None
    header_filter: Handler | None = None
    body_filter: Handler | None = None
    log: Handler | None = None
    reads_body: bool = False


class Plugin(Struct, frozen=True):
    """The declaration of a plugin.

    priority  orders the plugins of a phase, highest first; among equals the name that sorts last runs first
    fields    of `config`
    check     what is wrong with a config whose fields are right, as (field, message) pairs; field may be ""
    warn      what is probably not meant, likewise
    no_scope  what an instance may not be bound to: `consumer`, `route`, `service`
    runs      False for plugins that are known, and checked no further, but not run
    """

    name: str
    priority: int
    fields: Mapping[str, Field]
    compile: Callable[[Config, KongSite], Phases]
    doc: str
    edition: Edition = "kong"
    check: Callable[[Config], list[tuple[str, str]]] | None = None
    warn: Callable[[Config], list[tuple[str, str]]] | None = None
    no_scope: frozenset[str] = frozenset()
    runs: bool = True
    aliases: tuple[str, ...] = field(default=())


@cache
def plugins() -> Mapping[str, Plugin]:
    """Every plugin by its name (aliases too)."""
    from apiproxy_runtime.kong import plugins as package  # the modules there import this one

    found: dict[str, Plugin] = {}
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        declared: tuple[Plugin, ...] = getattr(loaded, "PLUGINS", ())
        one: Plugin | None = getattr(loaded, "PLUGIN", None)
        for plugin in (*declared, *((one,) if one is not None else ())):
            for name in (plugin.name, *plugin.aliases):
                found[name] = plugin
    return found


def plugin_named(name: str) -> Plugin | None:
    """The plugin of a name, or alias; None when there is none."""
    return plugins().get(name)


def order(plugin: Plugin) -> tuple[int, str]:
    """Sorts plugins into Kong's order when sorted in reverse: by priority, then by name, both descending."""
    return plugin.priority, plugin.name


def check_scope(plugin: Plugin, bound: frozenset[str], place: Placed, where: str, findings: Findings) -> None:
    """An instance bound to what its plugin does not allow is an error."""
    for scope in sorted(bound & plugin.no_scope):
        findings.error(place, "", f"{where}.{scope}: value must be null: {plugin.name} allows no {scope}")
