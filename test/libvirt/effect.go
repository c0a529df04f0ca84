// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package libvirt

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// option is one of QEMU's, such as -device, with its properties.
type option struct {
	line  string
	name  string
	id    string   // what tells it apart from others of its name; empty where nothing does
	shown string   // the option as a person wants it named
	parts []string // "key=value", or what else stands between two commas
}

// identifying are the properties that tell an option from others of its name, in the order in which they are tried.
var identifying = []string{"id", "node-name", "nodeid", "type", "mon", "property"}

// incidental are properties that libvirt gives to one device because of another: its place on a bus.
var incidental = []string{"addr", "bus", "chassis", "port", "multifunction", "fd", "fds", "vhostfd", "vhostfds"}

// effect tells what of QEMU's command line is different: lines that begin with + or -, and options with
// the properties that are. Where libvirt puts the devices on their buses is left out.
func effect(before, after virsh.CommandLine) []string {
	old, now := parseOptions(before), parseOptions(after)
	var lines []string
	for _, o := range without(old, now) {
		if _, still := find(now, o); !still {
			lines = append(lines, "- "+o.line)
		}
	}
	for _, o := range without(now, old) {
		was, there := find(old, o)
		if !there {
			lines = append(lines, "+ "+o.line)
			continue
		}
		if changes := o.changesFrom(was); len(changes) > 0 {
			lines = append(lines, o.shown+": "+strings.Join(changes, " "))
		}
	}
	return lines
}

// without are the options of one command line that do not stand in another as they are.
func without(options, others []option) []option {
	count := map[string]int{}
	for _, o := range others {
		count[o.line]++
	}
	return slices.DeleteFunc(slices.Clone(options), func(o option) bool {
		count[o.line]--
		isBus := strings.HasPrefix(o.shown, "-device pcie-root-port ") || strings.HasPrefix(o.shown, "-device pcie-pci-bridge ")
		return count[o.line] >= 0 || isBus
	})
}

// find finds the only option of the same name and id.
func find(options []option, like option) (option, bool) {
	var found []option
	for _, o := range options {
		if o.name == like.name && o.id == like.id {
			found = append(found, o)
		}
	}
	if len(found) != 1 || like.id == "" && !isSingle(like.name) {
		return option{}, false
	}
	return found[0], true
}

// isSingle says whether QEMU takes one option of the name, so that two of them are the same.
func isSingle(name string) bool {
	return slices.Contains([]string{"-cpu", "-machine", "-accel", "-m", "-smp", "-rtc", "-boot", "-overcommit", "-append", "-sandbox"}, name)
}

func (o option) changesFrom(was option) []string {
	var changes []string
	for _, p := range difference(was.parts, o.parts) {
		changes = append(changes, "-"+p)
	}
	for _, p := range difference(o.parts, was.parts) {
		changes = append(changes, "+"+p)
	}
	return changes
}

// difference are the properties that others lack, but for the incidental ones.
func difference(parts, others []string) []string {
	var left []string
	others = slices.Clone(others)
	for _, p := range parts {
		key, _, _ := strings.Cut(p, "=")
		if i := slices.Index(others, p); i >= 0 {
			others = slices.Delete(others, i, i+1)
		} else if !slices.Contains(incidental, key) {
			left = append(left, p)
		}
	}
	return left
}

func parseOptions(line virsh.CommandLine) []option {
	var options []option
	for _, l := range line {
		name, value, _ := strings.Cut(l, " ")
		o := option{line: l, name: name, shown: name}
		if o.parts = flatten(value); o.parts == nil {
			o.parts = splitProperties(value)
		}
		for _, key := range identifying {
			if v, found := o.property(key); found && o.id == "" {
				o.id = key + "=" + v
			}
		}
		if kind, found := o.property("driver"); found {
			o.shown += " " + kind
		}
		if o.id != "" {
			o.shown += " " + o.id
		}
		options = append(options, o)
	}
	return options
}

func (o option) property(key string) (string, bool) {
	for _, p := range o.parts {
		if k, v, _ := strings.Cut(p, "="); k == key {
			return v, true
		}
	}
	return "", false
}

// splitProperties splits at commas; two of them are one that belongs to a value. The first word of -device is
// its driver, of -object and -chardev their kind.
func splitProperties(value string) []string {
	const comma = "\x00"
	parts := strings.Split(strings.ReplaceAll(value, ",,", comma), ",")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], comma, ",,")
	}
	return parts
}

// flatten makes properties of a JSON object; nil where there is none.
func flatten(text string) []string {
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // a WWN has more digits than a float
	if !strings.HasPrefix(text, "{") || decoder.Decode(&object) != nil {
		return nil
	}
	return flattenInto(nil, "", object)
}

func flattenInto(parts []string, prefix string, value any) []string {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = flattenInto(parts, strings.TrimPrefix(prefix+"."+key, "."), v[key])
		}
	case []any:
		for i, element := range v {
			parts = flattenInto(parts, fmt.Sprintf("%s.%d", prefix, i), element)
		}
	default:
		parts = append(parts, fmt.Sprintf("%s=%v", prefix, v))
	}
	return parts
}
