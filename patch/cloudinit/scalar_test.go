// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"strings"
	"testing"
)

// TestScalarReadings pins what PyYAML's safe loader (6.0.3) makes of plain and tagged scalars, as JSON. An empty want
// stands for a scalar that it cannot load, or that JSON cannot hold.
func TestScalarReadings(t *testing.T) {
	cases := map[string]map[string]string{
		"booleans are three spellings of six words": {
			"yes": `true`, "Yes": `true`, "YES": `true`, "on": `true`, "On": `true`, "ON": `true`, "true": `true`, "True": `true`, "TRUE": `true`,
			"no": `false`, "No": `false`, "NO": `false`, "off": `false`, "Off": `false`, "OFF": `false`, "false": `false`, "False": `false`, "FALSE": `false`,
			"y": `"y"`, "Y": `"Y"`, "n": `"n"`, "N": `"N"`, "yEs": `"yEs"`, "oN": `"oN"`, "tRUE": `"tRUE"`,
		},
		"null": {"~": `null`, "null": `null`, "Null": `null`, "NULL": `null`, "nULL": `"nULL"`, "": `null`, "None": `"None"`},
		"integers of base 2, 8, 10, 16 and 60": {
			"0": `0`, "-0": `0`, "+0": `0`, "7": `7`, "+7": `7`, "-7": `-7`, "1_000": `1000`, "_1": `"_1"`, "1__0": `10`,
			"0644": `420`, "-0644": `-420`, "00": `0`, "0_": `0`, "0777_": `511`, "08": `"08"`, "09": `"09"`, "0o17": `"0o17"`,
			"0x1F": `31`, "-0x1F": `-31`, "0x_1": `1`, "0X1F": `"0X1F"`, "0b101": `5`, "-0b1": `-1`, "0b2": `"0b2"`,
			"1:30": `90`, "+1:30": `90`, "-1:30": `-90`, "1:5:9": `3909`, "190:20:30": `685230`, "1:60": `"1:60"`, "0:30": `"0:30"`, "01:30": `"01:30"`, "60:60": `"60:60"`,
			"123456789012345678901234567890": `123456789012345678901234567890`, "0x_": ``, "0b_": ``,
			"52:54:00:12:34:56": `41135085296`, "de:ad:be:ef:00:01": `"de:ad:be:ef:00:01"`, "10.0.0.1": `"10.0.0.1"`, "10.0.0.0/24": `"10.0.0.0/24"`,
		},
		"floats need a point, and a sign in the exponent": {
			"1.5": `1.5`, "-1.5": `-1.5`, "+1.5": `1.5`, "1.": `1.0`, "0.": `0.0`, "-0.0": `-0.0`, ".5": `0.5`, "-.5": `"-.5"`, "+.5": `"+.5"`, "._5": `"._5"`, "00.5": `0.5`,
			"1_0.5_0": `10.50`, "1.e+3": `1.0e+3`, "1.5e+3": `1.5e+3`, "1.5E-3": `1.5e-3`, ".5e+1": `0.5e+1`, "1e3": `"1e3"`, "1e+3": `"1e+3"`, "1.5e3": `"1.5e3"`, "12e03": `"12e03"`,
			"1:30.5": `90.5`, "-1:30.5": `-90.5`, "190:20:30.15": `685230.15`, "1:30.": `90.0`,
			".inf": ``, "-.INF": ``, "+.Inf": ``, ".nan": ``, ".NaN": ``, "-.nan": `"-.nan"`, ".iNF": `".iNF"`,
		},
		"dates stay text": {
			"2001-12-14": `"2001-12-14"`, "2001-1-1": `"2001-1-1"`, "2001-12-14t21:59:43.10-05:00": `"2001-12-14t21:59:43.10-05:00"`, "2001-12-14 21:59:43.10 -5": `"2001-12-14 21:59:43.10 -5"`,
		},
		"indicators": {"=": ``, "<<": ``, "<": `"<"`, "==": `"=="`},
		"quotes make strings": {
			`"no"`: `"no"`, `'0644'`: `"0644"`, `"1:30"`: `"1:30"`, `""`: `""`, `"~"`: `"~"`, `"="`: `"="`, `'<<'`: `"<<"`, "\"a\\u00e4\\x41\"": `"aäA"`, "|\n  no\n": `"no\n"`, ">-\n  0644\n": `"0644"`,
		},
		"tags": {
			"!!str 5": `"5"`, "!!str": `""`, "!!str no": `"no"`, "!!int \"7\"": `7`, "!!int '0644'": `420`, "!!float 1": `1.0`, "!!float 1e3": `1.0e+3`, "!!float '1:30.5'": `90.5`,
			"!!bool 'Yes'": `true`, "!!bool 'yEs'": `true`, "!!null 'x'": `null`, "!!timestamp 2001-12-14": `"2001-12-14"`,
			"!!int x": ``, "!!bool y": ``, "!!float x": ``, "!!binary aGVsbG8=": ``, "!x 1": ``, "!!python/name:os.system x": ``, "!!float .inf": ``, "!!set {a, b}": ``, "!!omap [a: 1]": ``,
		},
	}
	for reason, readings := range cases {
		for text, want := range readings {
			got, err := ParseYAML("a: " + text)
			switch {
			case want == "" && err == nil:
				t.Errorf("%s: %q was read as %s, want an error", reason, text, got)
			case want != "" && err != nil:
				t.Errorf("%s: %q: %v", reason, text, err)
			case want != "" && string(got) != `{"a":`+want+`}`:
				t.Errorf("%s: %q was read as %s, want %s", reason, text, got, want)
			}
		}
	}
}

// TestWrittenStrings writes strings that some reader of YAML would take for something else, as values and as keys.
func TestWrittenStrings(t *testing.T) {
	cases := map[string]map[string]string{
		"words and paths stay plain": {
			"foo": `foo`, "foo bar": `foo bar`, "/etc/motd": `/etc/motd`, "_x": `_x`, "a-b.c": `a-b.c`, "ssh-ed25519 AAAA+/= me@host": `ssh-ed25519 AAAA+/= me@host`, "yesterday": `yesterday`, "http://x/": `http://x/`,
		},
		"other types in YAML 1.1": {
			"no": `"no"`, "On": `"On"`, "OFF": `"OFF"`, "y": `"y"`, "N": `"N"`, "true": `"true"`, "null": `"null"`, "~": `"~"`, "": `""`,
			"0644": `"0644"`, "1:30": `"1:30"`, "52:54:00:12:34:56": `"52:54:00:12:34:56"`, "1.5": `"1.5"`, "2001-12-14": `"2001-12-14"`, ".inf": `".inf"`, "=": `"="`, "<<": `"<<"`,
		},
		"other types in YAML 1.2": {"1e3": `"1e3"`, "0o17": `"0o17"`, "1.5e3": `"1.5e3"`, "-.5": `"-.5"`},
		"indicators and blanks": {
			" x": `" x"`, "x ": `"x "`, "- x": `"- x"`, "#x": `"#x"`, "a: b": `'a: b'`, "a #b": `'a #b'`, "x:": `'x:'`, "*a": `"*a"`, "&a": `"&a"`, "!a": `"!a"`, "%a": `"%a"`, "@a": `"@a"`, "`a": "\"`a\"",
			"[a": `"[a"`, "{a}": `"{a}"`, "---": `"---"`, "...": `"..."`, "?": `"?"`, "\t": `"\t"`, "it's": `it's`,
		},
		"what a plain scalar cannot hold": {"a\x07": `"a\a"`, "a\u0085b": `"a\Nb"`, "a\u2028b": `"a\Lb"`, "a\ufeffb": `"a\uFEFFb"`, "a\x7fb": `"a\x7Fb"`, "a\rb": `"a\rb"`, "ä": `"ä"`, "x😀": "\"x\\U0001F600\""},
		"several lines are a block where it is exact": {
			"a\nb\n": "|\n  a\n  b", "a\nb": "|-\n  a\n  b", "a\n\n # b\n": "|\n  a\n\n   # b", "a\n\n": `"a\n\n"`, " a\nb": `" a\nb"`, "\n": `"\n"`, "\na": `"\na"`, "a\x07\nb": `"a\a\nb"`, "a \nb\n": `"a \nb\n"`, "a\r\nb": `"a\r\nb"`,
		},
	}
	for reason, written := range cases {
		for s, want := range written {
			text, err := encodeYAML(newNode(&value{kind: kindObject, keys: []string{"k"}, items: []*value{{kind: kindString, text: s}}}), layout{indent: 2})
			if err != nil || text != "k: "+want+"\n" {
				t.Errorf("%s: %q is written as %q, want %q (error %v)", reason, s, text, "k: "+want+"\n", err)
			}
			checkString(t, text, s)
			key, err := encodeYAML(newNode(&value{kind: kindObject, keys: []string{s}, items: []*value{{kind: kindString, text: s}}}), layout{indent: 2})
			if err != nil {
				t.Fatal(err)
			}
			if _, v, err := parseYAML(key); err != nil || len(v.keys) != 1 || v.keys[0] != s {
				t.Errorf("%s: key %q does not come back from %q (error %v)", reason, s, key, err)
			}
		}
	}
}

func checkString(t *testing.T, text, want string) {
	t.Helper()
	_, v, err := parseYAML(text)
	if err != nil {
		t.Errorf("%q: %v", text, err)
		return
	}
	if v.items[0].kind != kindString || v.items[0].text != want {
		t.Errorf("%q is read as %v, want the string %q", text, v.items[0], want)
	}
}

func TestNumberTexts(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "-0": "0", "1e3": "1.0e+3", "1E3": "1.0e+3", "1.5e-7": "1.5e-7", "1.50": "1.50", "-1.5e7": "-1.5e+7", "0.0": "0.0", "-0.0": "-0.0", "12345678901234567890123": "12345678901234567890123",
	} {
		v := model(t, in)
		if v.text != want {
			t.Errorf("JSON %s becomes %s, want %s", in, v.text, want)
		}
		back, err := readPlain(v.text)
		if err != nil || back.kind != kindNumber || back.text != v.text {
			t.Errorf("YAML reads %s as %v (error %v)", v.text, back, err)
		}
	}
	for _, pair := range [][2]string{{"1", "1.0"}, {"100", "1e2"}, {"0", "-0.0"}, {"0.001", "1e-3"}, {"120e-1", "12"}} {
		if decimal(pair[0]) != decimal(pair[1]) {
			t.Errorf("%s and %s must be equal", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"1", "-1"}, {"1", "10"}, {"1", "1.0000000000000000001"}, {"1e400", "1e401"}} {
		if decimal(pair[0]) == decimal(pair[1]) {
			t.Errorf("%s and %s must differ", pair[0], pair[1])
		}
	}
	if _, err := decodeJSON([]byte(strings.Repeat("1", maxNumber+1))); err == nil {
		t.Error("a number has a limit")
	}
}
