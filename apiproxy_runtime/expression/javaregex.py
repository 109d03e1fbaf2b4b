"""Regular expressions of java.util.regex, in Python.

Source: the class documentation of java.util.regex.Pattern (Java 17). Shorthand classes and case folding are ASCII
unless the flags u or U say otherwise, `\\b` is not; `.`, `^` and `$` know all of Java's line terminators, and `$` and
`\\Z` hold before a final one. `\\G` is taken as the start of the text.
"""

from __future__ import annotations

import re
import unicodedata

from apiproxy_runtime.expression import javaclass
from apiproxy_runtime.expression.javaclass import TERMINATORS, CharacterSet, named, shorthand, span, union
from apiproxy_runtime.expression.regexnodes import (
    Chars,
    Choice,
    Group,
    Look,
    Part,
    Place,
    Reference,
    Repeat,
    Sequence,
    print_part,
)


class JavaRegexError(ValueError):
    """A regular expression that java.util.regex refuses, or that has no counterpart here; `offset` says where."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at character {offset + 1})")
        self.message = message
        self.offset = offset


def translate(java_regex: str, flags: int = 0) -> str:
    """Python source for `re` with the same meaning, flags included. Raises JavaRegexError.

    flags  `re.IGNORECASE`, `re.MULTILINE`, `re.DOTALL` and `re.VERBOSE`, as if Pattern.compile had been given them
    """
    return parse_java_regex(java_regex, flags)[0]


def compile_java_regex(text: str, flags: int = 0) -> re.Pattern[str]:
    """A compiled `re` pattern with the same meaning. Raises JavaRegexError."""
    source = translate(text, flags)
    try:
        return re.compile(source)
    except (re.error, OverflowError, RecursionError) as error:
        raise JavaRegexError(f"this expression cannot be run here: {error}", 0) from None


def parse_java_regex(text: str, flags: int = 0) -> tuple[str, Part]:
    """Python source, and the parts it was printed from. Raises JavaRegexError."""
    return _Parser(text, flags).pattern()


_FLAG_LETTERS = "idmsuxU"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_LINE_END = Place(rf"(?=(?:\r\n|[{TERMINATORS}])?\Z)(?!(?<=\r)\n)")
_UNIX_LINE_END = Place(r"(?=\n?\Z)")
_LINES = {
    ("^", False): Place(rf"(?:\A|(?<=[{TERMINATORS}])(?!(?<=\r)\n))(?!\Z)"),
    ("^", True): Place(r"(?:\A|(?<=\n))(?!\Z)"),
    ("$", False): Place(rf"(?=[{TERMINATORS}]|\Z)(?!(?<=\r)\n)"),
    ("$", True): Place(r"(?=\n|\Z)"),
}
_PLACES = {
    "b": Place(r"(?u:\b)"),
    # not \B, which in Python does not hold in an empty text
    "B": Place(r"(?!(?u:\b))"),
    "A": Place(r"\A", start=True),
    "G": Place(r"\A", start=True),
    "Z": _LINE_END,
    "z": Place(r"\Z"),
}
_NEVER = Place("(?!)")
_DEEPEST = 60
_HEX = frozenset("0123456789abcdefABCDEF")


class _Parser:
    def __init__(self, text: str, flags: int) -> None:
        self.text = text
        self.position = 0
        self.flags = {
            letter for letter, flag in (("i", re.I), ("m", re.M), ("s", re.S), ("x", re.X)) if flags & flag
        }
        self.unicode = False
        self.groups = 0
        self.closed: set[int] = set()
        self.names: dict[str, int] = {}
        self.depth = 0

    def pattern(self) -> tuple[str, Part]:
        part = self.choice()
        if self.position < len(self.text):
            raise self.error("unmatched closing ')'")
        return f"(?{'' if self.unicode else 'a'}s){print_part(part)}", part

    def error(self, message: str, offset: int | None = None) -> JavaRegexError:
        return JavaRegexError(message, self.position if offset is None else offset)

    def peek(self) -> str:
        """The next character, comments skipped where they are allowed; empty at the end."""
        if "x" in self.flags:
            self.skip_comments()
        return self.text[self.position : self.position + 1]

    def skip_comments(self) -> None:
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == "#":
                while (
                    self.position < len(self.text) and self.text[self.position] not in "\n\r\x85\u2028\u2029"
                ):
                    self.position += 1
            elif character in " \t\n\x0b\f\r":
                self.position += 1
            else:
                return

    def accept(self, text: str) -> bool:
        if self.text.startswith(text, self.position):
            self.position += len(text)
            return True
        return False

    # ---- structure

    def choice(self) -> Part:
        """Everything up to the end or the closing parenthesis; flags set inside end there."""
        flags = set(self.flags)
        branches = [self.sequence()]
        while self.peek() == "|":
            self.position += 1
            branches.append(self.sequence())
        self.flags = flags
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def sequence(self) -> Part:
        items: list[Part] = []
        while (character := self.peek()) and character not in "|)":
            if self.accept("\\Q"):
                items += self.quotation()
                if items and self.peek() in tuple("*+?{"):
                    items[-1] = self.quantified(items[-1])
                continue
            if self.inline_flags():
                continue
            items.append(self.quantified(self.atom(character)))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def quotation(self) -> list[Part]:
        end = self.text.find("\\E", self.position)
        stop = len(self.text) if end < 0 else end
        quoted = self.text[self.position : stop]
        self.position = stop if end < 0 else stop + 2
        return [self.chars(CharacterSet.character(character)) for character in quoted]

    def quantified(self, item: Part) -> Part:
        start = self.position
        character = self.peek()
        if character == "*":
            low, high = 0, None
        elif character == "+":
            low, high = 1, None
        elif character == "?":
            low, high = 0, 1
        elif character == "{":
            bounds = re.compile(r"\{([0-9]{1,10})(,([0-9]{1,10})?)?\}").match(self.text, self.position)
            if bounds is None:
                raise self.error(
                    "illegal repetition: '{' must hold a count, {2} or {2,5}; a literal one is '\\{'"
                )
            low = int(bounds[1])
            high = low if bounds[2] is None else int(bounds[3]) if bounds[3] else None
            if (high is not None and high < low) or max(low, high or 0) >= 2**31:
                raise self.error("illegal repetition range", start)
            self.position = bounds.end() - 1
        else:
            return item
        self.position += 1
        mode = ""
        if self.text[self.position : self.position + 1] in tuple("?+"):
            mode = self.text[self.position]
            self.position += 1
        return Repeat(item, low, high, mode)

    def inline_flags(self) -> bool:
        """`(?i)`, `(?s-i)`: from here to the end of the group."""
        match = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?\)").match(self.text, self.position)
        if match is None:
            return False
        self.set_flags(match[1], match[2] or "")
        self.position = match.end()
        return True

    def set_flags(self, on: str, off: str) -> None:
        for letter in on + off:
            if letter not in _FLAG_LETTERS:
                raise self.error(f"unknown inline flag '{letter}'; Java knows {', '.join(_FLAG_LETTERS)}")
        self.flags = (self.flags | set(on)) - set(off)
        if self.flags & {"u", "U"}:
            self.unicode = True

    def group(self) -> Part:
        start = self.position
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error("groups are nested too deeply")
        flags = set(self.flags)
        number = 0
        if not self.accept("(?"):
            self.position += 1
            self.groups = number = self.groups + 1
            opening = "("
        elif name := re.compile(r"<([a-zA-Z][a-zA-Z0-9]*)>").match(self.text, self.position):
            if name[1] in self.names:
                raise self.error(f"the group name '{name[1]}' is used twice")
            self.groups = number = self.groups + 1
            self.names[name[1]] = number
            opening = f"(?P<{name[1]}>"
            self.position = name.end()
        else:
            opening = self.special_opening()
        item = self.choice()
        if not self.accept(")"):
            raise self.error("this group is never closed", start)
        self.flags = flags
        self.depth -= 1
        self.closed.add(number)
        if opening in ("(?=", "(?!", "(?<=", "(?<!"):
            return Look(item, opening)
        return Group(item, opening)

    def special_opening(self) -> str:
        for kind in (":", "=", "!", ">", "<=", "<!"):
            if self.accept(kind):
                return f"(?{kind}"
        flags = re.compile(r"([a-zA-Z]*)(?:-([a-zA-Z]*))?:").match(self.text, self.position)
        if flags is None:
            raise self.error("unknown kind of group after '(?'")
        self.set_flags(flags[1], flags[2] or "")
        self.position = flags.end()
        return "(?:"

    # ---- atoms

    def chars(self, characters: CharacterSet) -> Chars:
        fold = "i" in self.flags
        return Chars(characters.source, characters.wide or (fold and self.unicode), fold)

    def atom(self, character: str) -> Part:
        if character == "(":
            return self.group()
        if character == "[":
            return self.chars(self.character_class())
        if character == "\\":
            return self.escape()
        if character in "*+?":
            raise self.error(
                f"dangling '{character}': nothing stands before it; a literal one is '\\{character}'"
            )
        if character == "{":
            raise self.error("illegal repetition: nothing stands before '{'; a literal one is '\\{'")
        self.position += 1
        if character == ".":
            if "s" in self.flags:
                return self.chars(javaclass.ANY)
            return self.chars(javaclass.NO_NEWLINE if "d" in self.flags else javaclass.NO_TERMINATOR)
        if character in "^$":
            return self.anchor(character)
        return self.chars(CharacterSet.character(character))

    def anchor(self, character: str) -> Part:
        unix = "d" in self.flags
        if "m" in self.flags:
            return _LINES[character, unix]
        if character == "^":
            return _PLACES["A"]
        return _UNIX_LINE_END if unix else _LINE_END

    def escape(self) -> Part:
        start = self.position
        letter = self.text[start + 1 : start + 2]
        if letter == "b" and self.text.startswith("{g}", start + 2):
            raise self.error("\\b{g} (grapheme boundaries) is not supported")
        if letter in _PLACES:
            self.position += 2
            return _PLACES[letter] if letter != "Z" or "d" not in self.flags else _UNIX_LINE_END
        if letter == "R":
            self.position += 2
            newline = Sequence(tuple(self.chars(CharacterSet.character(c)) for c in "\r\n"))
            return Group(Choice((newline, self.chars(shorthand("v", False)))), "(?:")
        if letter == "k":
            return self.named_reference()
        if letter and letter in "123456789":
            return self.numbered_reference()
        return self.chars(self.escaped_set())

    def named_reference(self) -> Part:
        match = re.compile(r"\\k<([a-zA-Z][a-zA-Z0-9]*)>").match(self.text, self.position)
        if match is None:
            raise self.error("'\\k' needs a group name: \\k<name>")
        if match[1] not in self.names:
            raise self.error(f"there is no group named '{match[1]}' before this place")
        self.position = match.end()
        return self.reference(self.names[match[1]])

    def numbered_reference(self) -> Part:
        """As many digits as make up the number of a group that exists, at least one."""
        self.position += 1
        number = int(self.text[self.position])
        self.position += 1
        while (digit := self.text[self.position : self.position + 1]) and digit in "0123456789":
            if number * 10 + int(digit) > self.groups:
                break
            number = number * 10 + int(digit)
            self.position += 1
        return self.reference(number)

    def reference(self, number: int) -> Part:
        """A group that has not been closed yet has matched nothing, so its repetition never matches."""
        return Reference(f"\\{number}", "i" in self.flags) if number in self.closed else _NEVER

    def escaped_set(self) -> CharacterSet:
        """An escape that stands for characters, inside or outside brackets."""
        letter = self.text[self.position + 1 : self.position + 2]
        if not letter:
            raise self.error("a '\\' stands at the end")
        if letter in "dwshvDWSHV":
            self.position += 2
            return shorthand(letter, "U" in self.flags)
        if letter in "pP":
            return self.property(letter == "P")
        return CharacterSet.character(self.escaped_character())

    def property(self, negated: bool) -> CharacterSet:
        start = self.position
        match = re.compile(r"\\[pP](?:\{([^}]*)\}|([A-Za-z]))").match(self.text, start)
        if match is None:
            raise self.error("'\\p' needs a property: \\p{Alpha}, \\p{L}")
        try:
            found = named(match[1] if match[2] is None else match[2], "U" in self.flags)
        except KeyError:
            raise self.error(f"unknown character property {match[0]}") from None
        self.position = match.end()
        return found.negated() if negated else found

    def escaped_character(self) -> str:
        start = self.position
        letter = self.text[start + 1]
        self.position += 2
        if letter in _ESCAPES:
            return _ESCAPES[letter]
        if letter == "0":
            return self.coded(
                r"[0-3][0-7]{2}|[0-7]{1,2}", 8, "'\\0' needs an octal number of up to three digits"
            )
        if letter == "x":
            if self.accept("{"):
                character = self.coded("[0-9a-fA-F]{1,8}", 16, "'\\x{' needs a hexadecimal number")
                if not self.accept("}"):
                    raise self.error("'\\x{' is not closed", start)
                return character
            return self.coded("[0-9a-fA-F]{2}", 16, "'\\x' needs two hexadecimal digits")
        if letter == "u":
            return self.utf16()
        if letter == "c":
            if not (control := self.text[self.position : self.position + 1]):
                raise self.error("'\\c' needs a character", start)
            self.position += 1
            return chr(ord(control) ^ 64)
        if letter == "N":
            return self.named_character(start)
        if letter.isascii() and letter.isalpha():
            raise self.error(f"'\\{letter}' is not an escape that Java knows", start)
        return letter

    def coded(self, digits: str, base: int, complaint: str) -> str:
        match = re.compile(digits).match(self.text, self.position)
        if match is None or int(match[0], base) > 0x10FFFF:
            raise self.error(complaint)
        self.position = match.end()
        return chr(int(match[0], base))

    def utf16(self) -> str:
        """`\\uhhhh`; two that are a surrogate pair are one character."""
        character = self.coded("[0-9a-fA-F]{4}", 16, "'\\u' needs four hexadecimal digits")
        low = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match(self.text, self.position)
        if "\ud800" <= character <= "\udbff" and low is not None:
            self.position = low.end()
            return chr(0x10000 + (ord(character) - 0xD800) * 0x400 + int(low[1], 16) - 0xDC00)
        return character

    def named_character(self, start: int) -> str:
        match = re.compile(r"\{([^}]*)\}").match(self.text, self.position)
        try:
            character = unicodedata.lookup(match[1] if match else "")
        except KeyError:
            raise self.error(
                "'\\N' needs the name of a character: \\N{LATIN SMALL LETTER A}", start
            ) from None
        self.position = match.end() if match else self.position
        return character

    # ---- classes

    def character_class(self) -> CharacterSet:
        start = self.position
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error("character classes are nested too deeply")
        self.position += 1
        negated = self.accept("^")
        operands: list[CharacterSet] = []
        members: list[CharacterSet] = []
        while True:
            character = self.peek()
            if not character:
                raise self.error("this character class is never closed", start)
            if character == "]" and (members or operands):
                self.position += 1
                break
            if self.accept("&&"):
                if members:
                    operands.append(union(members))
                    members = []
                continue
            if self.accept("\\Q"):
                end = self.text.find("\\E", self.position)
                stop = len(self.text) if end < 0 else end
                members += [CharacterSet.character(c) for c in self.text[self.position : stop]]
                self.position = min(stop + 2, len(self.text))
                continue
            members.append(self.character_class() if character == "[" else self.class_member(character))
        if members:
            operands.append(union(members))
        self.depth -= 1
        found = operands[0]
        for operand in operands[1:]:
            found = found.intersected(operand)
        return found.negated() if negated else found

    def class_member(self, character: str) -> CharacterSet:
        """A character, a range, or an escape for a set."""
        start = self.position
        if character == "\\":
            letter = self.text[self.position + 1 : self.position + 2]
            if letter in tuple("dwshvDWSHVpP") or not letter:
                return self.escaped_set()
            first = self.escaped_character()
        else:
            first = character
            self.position += 1
        if self.peek() != "-" or self.text[self.position + 1 : self.position + 2] in ("]", "[", ""):
            return CharacterSet.character(first)
        if self.text.startswith("&&", self.position + 1):
            return CharacterSet.character(first)
        self.position += 1
        following = self.peek()
        if following == "\\":
            if self.text[self.position + 1 : self.position + 2] in tuple("dwshvDWSHVpPQ"):
                self.position -= 1
                return CharacterSet.character(first)
            last = self.escaped_character() if self.text[self.position + 1 :] else ""
        else:
            last = following
            self.position += 1
        if not last or last < first:
            raise self.error(f"illegal character range {first}-{last}", start)
        return span(first, last)
