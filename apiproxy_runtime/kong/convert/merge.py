"""One route has one plugin of a name: what several policies want of it, in one config."""

from __future__ import annotations

from copy import deepcopy

from msgspec.structs import replace

from apiproxy_runtime.kong.convert.outcome import Config, Plugin

_WINDOWS = ("second", "minute", "hour", "day", "month", "year")
_KINDS = ("remove", "rename", "replace", "add", "append")


def merge(first: Plugin, second: Plugin) -> Plugin | None:
    """The plugin that does both, in this order; None when Kong cannot say it."""
    if first.config == second.config:
        return first
    if first.name in ("request-transformer", "response-transformer"):
        return replace(first, config=_edits(first.config, second.config))
    if first.name == "request-termination":
        return replace(first, config={**first.config, **second.config})
    if first.name == "rate-limiting":
        config = _limits(first.config, second.config)
        return replace(first, config=config) if config is not None else None
    return None


def _edits(first: Config, second: Config) -> Config:
    """The later edit of a name decides; Kong would run both, in an order of its own."""
    merged = deepcopy(first)
    for kind in ("replace", "remove"):
        for place, texts in second.get(kind, {}).items():
            if place != "uri":
                for text in texts:
                    _forget(merged, place, _name(text))
    for kind in _KINDS:
        for place, value in second.get(kind, {}).items():
            if place == "uri":
                merged.setdefault(kind, {})[place] = value
            else:
                merged.setdefault(kind, {}).setdefault(place, []).extend(value)
    if "http_method" in second:
        merged["http_method"] = second["http_method"]
    return merged


def _forget(config: Config, place: str, name: str) -> None:
    for kind in _KINDS:
        places = config.get(kind, {})
        if place in places:
            places[place] = [text for text in places[place] if _name(text) != name]
            if not places[place]:
                del places[place]
            if not places:
                del config[kind]


def _name(text: str) -> str:
    return text.partition(":")[0].lower()


def _limits(first: Config, second: Config) -> Config | None:
    """Both limits, the smaller one where they are of one window. Kong wants longer windows to allow more."""
    if any(first.get(key) != second.get(key) for key in ("limit_by", "header_name")):
        return None
    limits = {}
    for window in _WINDOWS:
        both = [config[window] for config in (first, second) if window in config]
        if both:
            limits[window] = min(both)
    values = list(limits.values())
    if values != sorted(values):
        return None
    return {**limits, **{key: value for key, value in first.items() if key not in _WINDOWS}}
