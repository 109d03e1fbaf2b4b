"""Why a token cannot be made or believed: raised below the policies, which turn it into their own fault."""

from __future__ import annotations


class Refused(Exception):
    """`name` is the fault's, `values` fill the placeholders of its text."""

    def __init__(self, name: str, /, **values: object) -> None:
        super().__init__(name)
        self.name = name
        self.values = values


#: The name of a refusal that JWT calls InvalidToken and JWS InvalidJws.
INVALID = "Invalid"
