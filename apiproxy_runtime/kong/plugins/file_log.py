"""file-log: appends a JSON object about each request to a file."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.logline import log_record
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, boolean, map_of, string
from apiproxy_runtime.kong.site import KongSite

logger = logging.getLogger("apiproxy")

#: The stream of records that lines are told in beside the file.
RECORDS = "file-log"


def compile_file_log(config: Config, site: KongSite) -> Phases:
    path = Path(config["path"])

    def log(ctx: KongContext) -> None:
        line = log_record(ctx)
        site.services.records.add(RECORDS, {"path": str(path), "status": line["response"]["status"]})
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, default=str) + "\n")
        except OSError as error:
            logger.error("file-log: %s cannot be written: %s", path, error.strerror)

    return Phases(log=log)


PLUGIN = Plugin(
    "file-log",
    9,
    {
        "path": string("file to append to").needs(),
        "reopen": boolean("open the file anew for each request (it always is)", False),
        "custom_fields_by_lua": map_of(string(), "Lua, which is not run"),
    },
    compile_file_log,
    "Appends a log of each request to a file.",
)
