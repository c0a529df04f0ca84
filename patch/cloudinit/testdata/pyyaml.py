#!/usr/bin/env python3
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0
"""Fills pyyaml.json: what PyYAML, with which cloud-init reads YAML, makes of scalars, and of the strings that we write.

    go test -run TestWrittenStrings -update .    # puts the strings, and the YAML that we write for them, into it
    python3 testdata/pyyaml.py                   # puts PyYAML's readings beside them, and those of the scalars below

The table names the version of PyYAML that it was made with. No test runs Python.
"""
import datetime
import json
import pathlib

import yaml

# Plain scalars, each read in "k: SCALAR".
PLAIN = """
yes Yes YES yEs on On ON oN true True TRUE tRUE y Y
no No NO nO off Off OFF oFF false False FALSE fALSE n N
~ null Null NULL nULL None nil
0 -0 +0 7 +7 -7 42 1_000 1__0 1_ _1 12345678901234567890 123456789012345678901234567890 +-1 --1 1a 0a
0644 -0644 +0644 00 0_ 0777_ 0_7 08 09 0789 0o17 0O17 007 01.5
0x1F 0x1f -0x1F +0xff 0x_1 0xFFFFFFFFFFFFFFFFFF 0X1F 0x 0xg x1F
0b101 -0b1 +0b1_0 0b2 0B1 0b
1:30 +1:30 -1:30 1:5:9 190:20:30 1:60 1:59 0:30 01:30 60:60 1:2:3:4 1:300 1:30: :30 22:22 80:8080 127:0 1_0:30
52:54:00:12:34:56 02:00:00:00:00:01 11:22:33:44:55:06 de:ad:be:ef:00:01 10.0.0.1 10.0.0.0/24 192.168 1.2.3 fe80::1 ::1 2001:db8::1
1.5 -1.5 +1.5 1. 0. -0.0 .5 -.5 +.5 ._5 00.5 0.10 1_0.5_0 1._5 .5_ . .. ... 1.5.
1.e+3 1.5e+3 1.5E-3 .5e+1 1e3 1E3 1e+3 1e-3 1.5e3 -1.5e3 12e03 1.5e 1.5e+ e5 .e5 6.02e+23 1.0e-400 123456789.123456789
1:30.5 -1:30.5 +1:30.5 190:20:30.15 1:30. 1:60.5 0:0.5 1:30.5_0
.inf .Inf .INF +.inf -.inf -.INF .iNF inf Infinity .nan .NaN .NAN .nAN -.nan nan
2001-12-14 2001-1-1 2001-12-4 01-12-14 2001-12 2001-12-14t21:59:43.10-05:00 2001-12-14T21:59:43Z 2001-12-15T2:59:43.1Z 2001-02-30 2000-02-29 1900-02-29 2001-13-01 2001-00-01 2001-01-00 0000-01-01 2001-04-31 2001-1-1T24:00:00Z 2001-1-1T1:60:00 2001-1-1T1:00:60 2001-1-1T1:00:00+23:59 2001-1-1T1:00:00+24 2001-1-1T1:00:00-23:60 2001-1-1T1:00:00.1234567Z 20011214
< = == => <= << <<< === >x =a
a a-b a.b a/b /etc/motd a:b a:b:c http://x/ a#b a##b a@b a%b a&b a*b a!b a|b a>b a?b a`b a"b a'b a,b a[b] a{b} a~ ~a
-a --- -- -1- ?a :a .a ... a... 0.0.0.0 v1.0 1.0.0 1.10 1.20 007a 1st +a +1-555-0100 $HOME $(x) ${x} \\n a\\b ^a (a) ;a _ __ _0
true1 yesterday nova offset onto nullify TrueX Y2K n/a N/A
\u00e4 \u00fcber \u65e5\u672c \u20ac5 \U0001f600 caf\u00e9 1\u00a02 \u0660 \uff11 \u2028x
""".split()

# Plain scalars with blanks, and others that stand behind "k: " as they are.
SPACED = [
    "", "  ", "a b", "  a  b  ", "a # b", "a #", "# a", "a#b c", "a :b", "a: b", "1 2", "1 000", "0x 1", "1 :30", "- a", "? a", ": a", "! a", "& a", "* a",
    "2001-12-14 21:59:43.10 -5", "2001-12-14 21:59:43", "2001-12-14  1:00:00", "2001-1-1 1:1:1", "2001-12-14 21:59", "yes no", "no # comment", "0644 # comment", "ssh-ed25519 AAAA+/= me@host",
    "\ta", "a\t", "a\tb", "a\t# b", "@a", "`a", "%a", ",a", "[", "]", "{", "}", "|", ">", "'", '"', "*a", "&a b", "!a b",
    '"no"', "'0644'", '"1:30"', "'1:30'", '""', "''", '"~"', '"="', "'<<'", "'it''s'", '"a\\u00e4\\x41\\n\\t\\\\\\""', '"a\\/b"', '"\\e\\0\\a\\b\\v\\f\\N\\_\\L\\P"', '"\\U0001F600"', '"a\\q"', '" a "', "' a '",
    '"a\n  b"', '"a\n\n  b"', '"a\\\n   b"', "'a\n  b\n\n  c'", "a\n  b", "a\n  b\n\n  c", "a\n  # b", "a\n  1",
    "!!str 5", "!!str", "!!str no", "!!str 2001-12-14", '!!int "7"', "!!int '0644'", "!!int 1:30", "!!int x", "!!int 1.5", "!!float 1", "!!float 1e3", "!!float '1:30.5'", "!!float .inf", "!!float x",
    "!!bool 'Yes'", "!!bool y", "!!bool 1", "!!null 'x'", "!!null ''", "!!timestamp 2001-12-14", "!!binary aGVsbG8=", "! 5", "!x 1", "!!python/name:os.system x", "&x 0644", "&x no", "!!str &x no",
    "long " + "word " * 60 + "end", '"' + "x" * 200 + '"', "1" * 60, "x" * 200,
]

# Whole documents.
DOCUMENTS = [
    "k: |\n  a\n  b\n", "k: |-\n  a\n\n", "k: |+\n  a\n\n", "k: |2\n   a\n  b\n", "k: |\n  a", "k: |\n\n\n  a\n", "k: |\n  # a\n  b: c\n", "k: |\n  a\n # b\n", "k: |\n", "k: |+\n\n", "k: |1-\n  a\n", "k: |\n  no\n", "k: |\n  a\n   b\n\n  c\n",
    "k: >\n  a\n  b\n", "k: >-\n  a\n\n  b\n", "k: >+\n  a\n\n", "k: >\n  a\n   b\n  c\n", "k: >\n\n  a\n  b\n\n\n  c\n", "k: >-\n  0644\n", "k: >-\n  a", "k: | # b\n  a\n", "k: |\n  a\tb  \n  c\n", "k: |\n  a\r\n",
    "k: [no, 0644, 1:30, y, ~, , 'no']\n", "k: [a, b c, d: e, 'f,g', \"h]\"]\n", "k: [1:30, 2:15]\n", "k: [a:b, http://x/]\n", "k: {a: no, b: 0644, c: , d}\n", "k: []\n", "k: {}\n", "k: [[], {}]\n", "k: [a,\n  b]\n", "k: {a: 1,\n  b: 2}\n", "k: {a: -1, b: - }\n",
    "k:\n- a\n- - b\n- c: d\n  e: f\n-\n", "k:\n  - a\n", "k:\n  a:\n  b: 1\n", "k:\n  ? a\n  : b\n", "k:\n  ? a\n", "k:\n", "k: # a\n  b\n", "k:   \n  a\n",
    "x: &x {a: 1, b: 2}\nk: {<<: *x, b: 3}\n", "x: &x {a: 1}\nk:\n  b: 2\n  <<: *x\n  a: 3\n", "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nk: {<<: [*x, *y], c: 3}\n", "x: &x [1]\nk: {<<: *x}\n", "k: {<<: 1}\n", "k: {'<<': 1}\n", "k: {<<: {a: 1}}\n", "k: {=: 1}\n",
    "x: &x no\nk: *x\n", "x: &x\n  a: 0644\nk: [*x, *x]\n", "k: &x [*x]\n", "k: *x\n", "x: &x 1\nk: &x 2\n", "x: &x 1\ny: &x 2\nk: *x\n",
    "%YAML 1.1\n---\nk: no\n", "--- # a\nk: no\n...\n", "---\nk: no\n---\n", "\ufeffk: no\n", "k: a\rb: c\r", "k: a\u0085b: c\n", "k: 'a\u2028b'\n", "k: \"a\ufeffb\"\n", "k: a\x07b\n", "k: a\x7fb\n", "k: \U0001f600\n", "k: a\ufffeb\n",
    '{"k": "a\\/b"}\n', '{"k": 1e3}\n', '{"k": [true, null, 1.5E+3, -0, 1E3]}\n', '{"k":"a"}\n', '{"k":1}\n', '{"k":"a","b":1}\n', '{k:1}\n', '{\n\t"k": 1\n}\n', '{"k": "\\ud83d\\ude00"}\n', '{"k": "\\u00e4"}\n',
]


def reading(v):
    """Returns what PyYAML read, as JSON: lists and mappings as they are, a scalar as its type and its text."""
    if v is None:
        return "null"
    if isinstance(v, bool):
        return "bool " + str(v).lower()
    if isinstance(v, list):
        return [reading(i) for i in v]
    if isinstance(v, dict):
        return {str(k): reading(i) for k, i in v.items()}
    if isinstance(v, (datetime.date, datetime.datetime)):
        return "date"
    return type(v).__name__ + " " + (repr(v) if isinstance(v, float) else str(v))


def load(text):
    """Returns the reading of the one document, or "error" where PyYAML cannot load it."""
    try:
        return reading(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, KeyError, RecursionError):
        return "error"


def cases():
    documents = ["k: " + s + "\n" for s in PLAIN + SPACED] + DOCUMENTS
    for text in dict.fromkeys(documents):
        yield {"yaml": text, "reads": load(text)}


def lines(items):
    return "[\n" + ",\n".join(json.dumps(i) for i in items) + "\n]"


file = pathlib.Path(__file__).with_name("pyyaml.json")
written = [{**w, "reads": load(w["yaml"])} for w in json.loads(file.read_text())["written"]]
file.write_text('{"pyyaml": "%s",\n"readings": %s,\n"written": %s}\n' % (yaml.__version__, lines(cases()), lines(written)))
