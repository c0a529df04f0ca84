// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
)

// jsonDifference collects the operations of RFC 6902 that turn a document into another.
type jsonDifference struct {
	target bundle.Target
	rules  []CloudInitRule
	lists  []string // paths of those that were compared
}

// commentByIndex stands above a rule that selects an item of a list by its number, or what is in one.
const commentByIndex = "Selected by its number in the list: on another VM that may be another item."

func (d *jsonDifference) rule(op bundle.Op, path string, value json.RawMessage) {
	r := CloudInitRule{CloudInitRule: bundle.CloudInitRule{Target: d.target, Op: op, Path: path}}
	if value != nil {
		value = json.RawMessage(escapeTemplate(string(value)))
		if bytes.Contains(value, []byte("null")) {
			r.YAML = string(value) // clients that apply drop a null of value
		} else {
			r.Value = value
		}
	}
	if d.hasIndex(path) {
		r.Comment = commentByIndex
	}
	d.rules = append(d.rules, r)
}

// compare adds what turns one value at a path into another.
func (d *jsonDifference) compare(path string, a, b json.RawMessage) {
	switch {
	case sameJSON(a, b):
	case isKind(a, '{') && isKind(b, '{'):
		d.compareObjects(path, a, b)
	case isKind(a, '[') && isKind(b, '['):
		d.compareLists(path, a, b)
	default:
		d.rule(bundle.OpReplace, path, b)
	}
}

func isKind(raw json.RawMessage, first byte) bool { return len(raw) > 0 && raw[0] == first }

// hasIndex says whether a path selects an item of a list by its number, or goes through one. Members of objects have
// numbers for names, too, such as the commands of cloud-init's module for snaps.
func (d *jsonDifference) hasIndex(path string) bool {
	return slices.ContainsFunc(d.lists, func(list string) bool {
		item, isBelow := strings.CutPrefix(path, list+"/")
		return isBelow && item != "-"
	})
}

func (d *jsonDifference) compareObjects(path string, a, b json.RawMessage) {
	given, left := members(a)
	wanted, is := members(b)
	for _, name := range given {
		if _, stays := is[name]; !stays {
			d.rule(bundle.OpRemove, path+cloudinit.Pointer(name), nil)
		}
	}
	for _, name := range wanted {
		if was, there := left[name]; there {
			d.compare(path+cloudinit.Pointer(name), was, is[name])
		} else {
			d.add(path+cloudinit.Pointer(name), is[name])
		}
	}
}

// maxAppended is how many items of a new list are appended one by one, which leaves a list
// alone that another VM has there.
const maxAppended = 4

// add adds a member: a short list item by item.
func (d *jsonDifference) add(path string, value json.RawMessage) {
	list := items(value)
	if len(list) == 0 || len(list) > maxAppended {
		d.rule(bundle.OpAdd, path, value)
		return
	}
	for i, item := range list {
		d.rule(bundle.OpAdd, path+"/-", item)
		d.rules[len(d.rules)-1].Create = i == 0
	}
}

// compareLists edits a list from its begin: what stands before an item is what it should be
// by then.
func (d *jsonDifference) compareLists(path string, a, b json.RawMessage) {
	d.lists = append(d.lists, path)
	given, wanted := items(a), items(b)
	if len(given)*len(wanted) > maxCompared {
		d.rule(bundle.OpReplace, path, b)
		return
	}
	x, y := canonicals(given), canonicals(wanted)
	same := common(len(given), len(wanted), func(i, j int) bool { return x[i] == y[j] })
	same = append(same, [2]int{len(given), len(wanted)})
	i, j := 0, 0
	for _, s := range same {
		d.gap(path, given[i:s[0]], wanted[j:s[1]], j, s[0] == len(given) && s[1] == len(wanted))
		i, j = s[0]+1, s[1]+1
	}
}

// gap turns items of a list, the first of which has the number at, into others.
func (d *jsonDifference) gap(path string, given, wanted []json.RawMessage, at int, last bool) {
	edited := min(len(given), len(wanted))
	for k := range edited {
		d.compare(fmt.Sprintf("%s/%d", path, at+k), given[k], wanted[k])
	}
	for k := len(given) - 1; k >= edited; k-- {
		d.rule(bundle.OpRemove, fmt.Sprintf("%s/%d", path, at+k), nil)
	}
	for k := edited; k < len(wanted); k++ {
		if last {
			d.rule(bundle.OpAdd, path+"/-", wanted[k])
		} else {
			d.rule(bundle.OpAdd, fmt.Sprintf("%s/%d", path, at+k), wanted[k])
		}
	}
}

// members are those of an object, and their names in order. The JSON is the engine's own.
func members(object json.RawMessage) (names []string, values map[string]json.RawMessage) {
	values = map[string]json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(object))
	_, err := d.Token() // the opening brace
	for err == nil && d.More() {
		var name json.Token
		if name, err = d.Token(); err != nil {
			break
		}
		var raw json.RawMessage
		err = d.Decode(&raw)
		text, _ := name.(string)
		names, values[text] = append(names, text), raw
	}
	return names, values
}

// items are those of a list; none of anything else.
func items(list json.RawMessage) []json.RawMessage {
	var all []json.RawMessage
	if !isKind(list, '[') || json.Unmarshal(list, &all) != nil {
		return nil
	}
	return all
}

func canonicals(values []json.RawMessage) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(canonical(v))
	}
	return all
}
