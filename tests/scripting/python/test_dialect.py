"""Python 2 on CPython 3: each row is a script for Jython and what it leaves in `out`."""

from __future__ import annotations

import pytest

from apiproxy_runtime.scripting.python.dialect import ScriptError, compile_python
from apiproxy_runtime.scripting.python.python2 import as_text, functions, importer


def run(source: str) -> object:
    code, _ = compile_python("main.py", source.encode())
    scope: dict[str, object] = {"__builtins__": functions(importer())}
    exec(code, scope)
    out = scope["out"]
    return as_text(out) if isinstance(out, str) else out


@pytest.mark.parametrize(
    ("source", "out"),
    [
        # syntax
        (
            "out = []\nimport StringIO\nfile = StringIO.StringIO()\nprint >>file, 'x', 1\nout = file.getvalue()",
            "x 1\n",
        ),
        (
            "try:\n  1/0\nexcept ZeroDivisionError, e:\n  out = e.message",
            "integer division or modulo by zero",
        ),
        ("try:\n  raise ValueError, 'no'\nexcept ValueError, e:\n  out = str(e)", "no"),
        ("out = `12`", "12"),
        ("out = 0777", 511),
        ("out = 10L", 10),
        ("out = 1 <> 2", True),
        ("exec 'out = 3'", 3),
        ("def f((a, b)):\n  return a + b\nout = f((1, 2))", 3),
        ("if 1:\n\tout = 1\n        out += 1", 2),
        # numbers
        ("out = 7 / 2", 3),
        ("out = -7 / 2", -4),
        ("out = 7 / 2.0", 3.5),
        ("out = 7\nout /= 2", 3),
        ("from __future__ import division\nout = 7 / 2", 3.5),
        # text
        ("out = 'abc'.encode('hex')", "616263"),
        ("out = '616263'.decode('hex')", "abc"),
        ("out = 'user:pass'.encode('base64').strip()", "dXNlcjpwYXNz"),
        ("out = u'\\u00e9'.encode('utf-8').decode('utf-8')", "é"),
        ("out = isinstance('x', basestring) and isinstance(u'x', unicode) and unicode(5) == '5'", True),
        ("import base64\nout = base64.b64decode('dXNlcjpwYXNz').split(':')[1]", "pass"),
        ("import base64\nout = 'Basic ' + base64.b64encode('a:b')", "Basic YTpi"),
        ("import base64\nout = base64.b64decode('w6k=')", "é"),
        ("import hashlib\nout = hashlib.md5('a').hexdigest()", "0cc175b9c0f1b6a831c399e269772661"),
        (
            "import hashlib, base64\nout = base64.b64encode(hashlib.sha1('a').digest())",
            "hvfkN/qlp/zhXR3cuerq6jd2Z7g=",
        ),
        ("import md5\nout = md5.new('a').hexdigest()", "0cc175b9c0f1b6a831c399e269772661"),
        (
            "import hmac, hashlib\nout = hmac.new('k', 'm', hashlib.sha256).hexdigest()[:16]",
            "b60090e3052297ae",
        ),
        ("import hmac, sha\nout = hmac.new('k', 'm', sha).hexdigest()[:8]", "772b71c8"),
        # dictionaries and lists
        ("d = {'a': 1}\nout = d.has_key('a') and not d.has_key('b')", True),
        ("out = [k + str(v) for k, v in {'a': 1}.iteritems()]", ["a1"]),
        ("d = {'b': 1, 'a': 2}\nk = d.keys()\nk.sort()\nout = k[0]", "a"),
        ("out = map(lambda x: x + 1, [1, 2])[1]", 3),
        ("out = filter(lambda c: c != 'b', 'abc')", "ac"),
        ("out = range(3) + [9]", [0, 1, 2, 9]),
        ("l = [3, 1]\nl.sort(lambda a, b: cmp(a, b))\nout = l", [1, 3]),
        ("out = sorted([1, 3, 2], lambda a, b: b - a)", [3, 2, 1]),
        ("out = reduce(lambda a, b: a * b, xrange(1, 5))", 24),
        ("out = iter([5]).next()", 5),
        # modules
        ("import urlparse\nout = urlparse.urlparse('http://h/p?q')[2]", "/p"),
        ("import urllib\nout = urllib.quote('a b/c') + urllib.urlencode({'x': 'y z'})", "a%20b/cx=y+z"),
        ("from urllib import unquote\nout = unquote('a%20b')", "a b"),
        ("import string\nout = string.join(['a', 'b'], '-') + string.upper('c')", "a-bC"),
        ("import StringIO\ns = StringIO.StringIO()\ns.write('x')\nout = s.getvalue()", "x"),
        ("import simplejson as json\nout = json.loads('{\"a\": [1]}')['a'][0]", 1),
        ("import sys\nout = sys.maxint", 2147483647),
        ("from itertools import izip\nout = list(izip([1], [2]))", [(1, 2)]),
        (
            "import xml.dom.minidom\nout = xml.dom.minidom.parseString('<a>t</a>').documentElement.tagName",
            "a",
        ),
        # what runs in both stays as it is
        ("class A:\n  def items(self):\n    return 5\nout = A().items()", 5),
        ("out = 'é'.upper()", "É"),
    ],
)
def test_scripts_for_jython_mean_the_same_here(source: str, out: object) -> None:
    assert run(source) == out


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("print 'a', 1", "a 1\n"),
        ("print 'a',\nprint 'b'", "a b\n"),
        ("print", "\n"),
        ("print ('a'), 'b'", "a b\n"),
        ("print ('a')", "a\n"),
        ("print '%s-%d' % ('a', 1)", "a-1\n"),
        ("import sys\nprint >>sys.stdout, 'a'", "a\n"),
    ],
)
def test_print_statements_print(source: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(source + "\nout = 0")
    assert capsys.readouterr().out == printed


def test_the_standard_library_does_not_see_the_modules_of_scripts() -> None:
    assert (
        run("import base64\nimport email.message\nm = email.message.Message()\nm.set_payload('x')\nout = 1")
        == 1
    )
    import base64

    assert base64.b64encode(b"a") == b"YQ=="


@pytest.mark.parametrize(
    ("source", "line"),
    [("x = 1\ny = = 2\n", 2), ("print 'a'\nif x\n  pass\n", 2), ("x = (1,\n", 2), ("(" * 400 + ")" * 400, 1)],
)
def test_a_script_that_is_no_python_says_where(source: str, line: int) -> None:
    with pytest.raises(ScriptError) as caught:
        compile_python("main.py", source.encode())
    assert (caught.value.file, caught.value.line) == ("main.py", line)


def test_imports_are_told_with_what_is_certain() -> None:
    source = (
        "import os\nimport java.util\ntry:\n  from javax.crypto import Mac\nexcept ImportError:\n  pass\n"
    )
    _, found = compile_python("main.py", source.encode())
    assert [(item.module, item.line, item.certain, item.is_java, item.is_refused) for item in found] == [
        ("os", 1, True, False, True),
        ("java.util", 2, True, True, False),
        ("javax.crypto", 4, False, True, False),
    ]
