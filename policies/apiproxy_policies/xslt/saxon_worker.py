"""Runs Saxon in a process of its own: reads jobs from standard input, writes results to standard output.

Saxon holds Python's lock while it works and cannot be interrupted, so a transformation without an end would stop a
whole gateway; here it only takes this process along. Run as a script, with nothing of the runtime imported.

A frame is four bytes of length and a marshalled value. A job is (number of the stylesheet, its text or None when it
was sent before, parameters, source); an answer is (True, result in UTF-8) or (False, reason).
"""

from __future__ import annotations

import marshal
import os
import sys
from struct import Struct
from typing import Any

LENGTH = Struct(">I")


class Saxon:
    """One Saxon processor that can reach neither files nor network nor Java classes."""

    def __init__(self) -> None:
        # loaded here and not above: the gateway imports this module for the frames, and may not have Saxon
        from saxonche import PySaxonProcessor

        self.processor = PySaxonProcessor(license=False)
        # the parts of a stylesheet come inside data: addresses; no other address may be read
        self.processor.set_configuration_property("http://saxon.sf.net/feature/allowedProtocols", "data")
        self.processor.set_configuration_property(
            "http://saxon.sf.net/feature/allow-external-functions", "false"
        )

    def compile(self, sheet: str) -> Any:
        """A stylesheet that can be run. Raises saxonche's PySaxonApiError."""
        return self.processor.new_xslt30_processor().compile_stylesheet(stylesheet_text=sheet)

    def run(self, executable: Any, parameters: dict[str, str], source: str) -> str:
        """The result as text. Raises PySaxonApiError."""
        document = self.processor.parse_xml(xml_text=source)
        executable.clear_parameters()
        # the binding takes the result for UTF-8, whatever encoding the stylesheet declares
        executable.set_property("!encoding", "UTF-8")
        for name, value in parameters.items():
            executable.set_parameter(name, self.processor.make_string_value(value))
        return executable.transform_to_string(xdm_node=document) or ""


def main() -> None:
    # Saxon prints to standard output and error; answers go where standard output led
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    jobs = sys.stdin.buffer
    saxon = Saxon()
    compiled: dict[int, Any] = {}
    while True:
        head = jobs.read(4)
        if len(head) < 4:
            return
        number, sheet, parameters, source = marshal.loads(jobs.read(LENGTH.unpack(head)[0]))
        try:
            if sheet is not None:
                compiled[number] = saxon.compile(sheet)
            answer = (True, saxon.run(compiled[number], parameters, source))
        except Exception as error:
            answer = (False, str(error).strip())
        data = marshal.dumps(answer)
        answers.write(LENGTH.pack(len(data)) + data)
        answers.flush()


if __name__ == "__main__":
    main()
