// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/domainpatch/domainpatch/patch/lazyregexp"
)

// maxExpanded is how much text a document may hold with its aliases written out, in bytes. Without aliases it holds
// about MaxBytes at most.
const maxExpanded = 2 * MaxBytes

// ParseYAML reads the YAML block of a rule and returns it as JSON, with the scalars that cloud-init would read: 0644
// is 420, no is false. A date becomes its text. Refused are what JSON cannot hold (binary data, infinities), an
// empty block, a second document, a key that stands twice and a block over MaxValue, MaxDepth or MaxNodes.
func ParseYAML(block string) (json.RawMessage, error) {
	if len(block) > MaxValue {
		return nil, fmt.Errorf("%d bytes of YAML, over the limit of %d bytes (256 KiB)", len(block), MaxValue)
	}
	tree, v, err := parseYAML(block)
	switch {
	case err != nil:
		return nil, err
	case tree == nil:
		return nil, errors.New("the YAML is empty (write null for a JSON null)")
	case !portable(v):
		return nil, errors.New("the YAML holds binary data, an infinity or a NaN, which JSON cannot hold; write it as a quoted string")
	}
	return v.appendJSON(nil), nil
}

// portable says whether JSON holds the value without loss; dates as text count as such.
func portable(v *value) bool {
	for _, item := range v.items {
		if !portable(item) {
			return false
		}
	}
	return v.kind != kindOpaque || timePattern().MatchString(v.text)
}

// parseYAML reads the one document of a text. The tree is its document node, nil if the text holds no document; the
// value is then a null.
func parseYAML(text string) (tree *yaml.Node, v *value, err error) {
	defer recovered(&err)
	d := yaml.NewDecoder(strings.NewReader(text))
	tree = &yaml.Node{}
	switch err := d.Decode(tree); {
	case errors.Is(err, io.EOF):
		return nil, &value{kind: kindNull}, nil
	case err != nil:
		return nil, nil, notYAML(err)
	}
	switch err := d.Decode(&yaml.Node{}); {
	case err == nil:
		return nil, nil, errors.New("several YAML documents in one; cloud-init reads only one")
	case !errors.Is(err, io.EOF):
		return nil, nil, notYAML(err)
	}
	v, err = readTree(tree.Content[0])
	return tree, v, err
}

// yamlLine is how an error of yaml.v3 begins.
var yamlLine = lazyregexp.New(`^yaml: (line [0-9]+: )?`)

// notYAML quotes an error of yaml.v3, which may name an anchor; its line stands before that.
func notYAML(err error) error {
	text := err.Error()
	begin := yamlLine().FindStringSubmatch(text)
	if begin == nil {
		return fmt.Errorf("not YAML: %.200q", text)
	}
	return fmt.Errorf("not YAML: %s%.200q%s", begin[1], text[len(begin[0]):], Advice(text))
}

// Advice is what to do about an error of yaml.v3, to stand behind its text; empty where there is nothing to add.
func Advice(text string) string {
	switch {
	case strings.Contains(text, "found a tab character"):
		return ": indent with spaces, YAML takes no tabs"
	case strings.Contains(text, "found character that cannot start any token"): // yaml.v3 does not say which
		return ": indent with spaces, YAML takes no tabs, and put a text in quotes that begins with %, @ or a backtick"
	}
	return ""
}

// recovered turns a panic of yaml.v3, which has some for states it deems impossible, into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("cannot process the YAML: %.200q", fmt.Sprint(p))
	}
}

// readTree gives the value that cloud-init reads from a node.
func readTree(n *yaml.Node) (*value, error) {
	r := reader{anchors: map[string]*yaml.Node{}}
	return r.read(n, 0)
}

// reader turns nodes into values, aliases and merge keys written out.
type reader struct {
	budget
	bytes   int
	anchors map[string]*yaml.Node
}

func (r *reader) read(n *yaml.Node, depth int) (*value, error) {
	if n.Kind == yaml.AliasNode {
		return r.read(n.Alias, depth)
	}
	if err := r.admit(n, depth); err != nil {
		return nil, atLine(n, err)
	}
	switch n.Kind {
	case yaml.ScalarNode:
		v, err := readScalar(n)
		if err != nil {
			return nil, atLine(n, err)
		}
		v.node = n
		return v, nil
	case yaml.SequenceNode:
		v := &value{kind: kindList, node: n, items: make([]*value, 0, len(n.Content))}
		for _, c := range n.Content {
			item, err := r.read(c, depth+1)
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, item)
		}
		return v, nil
	case yaml.MappingNode:
		return r.mapping(n, depth)
	}
	return nil, atLine(n, errors.New("not a scalar, a list or a mapping"))
}

// admit counts a node and refuses tags and anchors that cloud-init's reader refuses.
func (r *reader) admit(n *yaml.Node, depth int) error {
	if r.bytes += len(n.Value); r.bytes > maxExpanded {
		return fmt.Errorf("more than %d bytes with aliases written out (the limit)", maxExpanded)
	}
	if n.Anchor != "" {
		if first, ok := r.anchors[n.Anchor]; ok && first != n {
			return fmt.Errorf("anchor %.40q stands twice, which cloud-init cannot read", n.Anchor)
		}
		r.anchors[n.Anchor] = n
	}
	if n.Kind != yaml.ScalarNode && n.Tag != "!!map" && n.Tag != "!!seq" {
		return fmt.Errorf("the tag %.40q on a collection is not supported", n.Tag)
	}
	return r.spend(depth)
}

// mapping reads the members that are there through merge keys first, as PyYAML does; the mapping's own override them.
func (r *reader) mapping(n *yaml.Node, depth int) (*value, error) {
	var merged []*value
	members := len(n.Content) / 2
	own := &value{kind: kindObject, node: n, keys: make([]string, 0, members), items: make([]*value, 0, members)}
	seen := make(map[keyID]bool, members)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, c := n.Content[i], n.Content[i+1]
		v, err := r.read(c, depth+1)
		if err != nil {
			return nil, err
		}
		if isMergeKey(k) {
			sources, err := mergeSources(v)
			if err != nil {
				return nil, atLine(k, err)
			}
			merged = append(merged, sources...)
			continue
		}
		key, err := readKey(k, seen)
		if err != nil {
			return nil, atLine(k, err)
		}
		r.bytes += len(key)
		own.keys, own.items = append(own.keys, key), append(own.items, v)
	}
	if len(merged) == 0 {
		return own, nil
	}
	all := overlay(append(merged, own))
	all.node = n
	return all, nil
}

// readKey returns the text of a key, which is its name in the model, and refuses a second one with that text or that meaning.
func readKey(k *yaml.Node, seen map[keyID]bool) (string, error) {
	if k.Kind == yaml.AliasNode {
		k = k.Alias
	}
	if k.Kind != yaml.ScalarNode {
		return "", errors.New("a key that is a list or a mapping is not supported")
	}
	v, err := readScalar(k)
	if k.Value == "=" {
		v, err = &value{kind: kindString, text: "="}, nil // PyYAML allows it as a key only
	}
	if err != nil {
		return "", err
	}
	ids := []keyID{{kindString, k.Value}}
	if v.kind != kindString {
		ids = append(ids, meaning(v))
	}
	for _, id := range ids {
		if seen[id] {
			return "", fmt.Errorf("key %.40q stands twice", k.Value)
		}
		seen[id] = true
	}
	return k.Value, nil
}

// keyID is what no two keys of a mapping may share: the text, as that of a string, or the meaning.
type keyID struct {
	kind kind
	text string
}

// meaning tells keys that are no strings apart as Python does, where 1, 1.0 and true are one key.
func meaning(v *value) keyID {
	switch {
	case v.kind == kindNumber:
		return keyID{kindNumber, decimal(v.text)}
	case v.kind == kindBool && v.text == "true":
		return keyID{kindNumber, decimal("1")}
	case v.kind == kindBool:
		return keyID{kindNumber, decimal("0")}
	}
	return keyID{v.kind, v.text}
}

func isMergeKey(k *yaml.Node) bool { return k.Kind == yaml.ScalarNode && k.Tag == "!!merge" }

// mergeSources lists the mappings behind a merge key, the weakest first.
func mergeSources(v *value) ([]*value, error) {
	sources := []*value{v}
	if v.kind == kindList {
		sources = slices.Clone(v.items)
		slices.Reverse(sources)
	}
	for _, s := range sources {
		if s.kind != kindObject {
			return nil, fmt.Errorf("a merge key (<<) needs mappings, not %s", s.kind)
		}
	}
	return sources, nil
}

// overlay puts mappings over each other; the last one wins.
func overlay(layers []*value) *value {
	out := &value{kind: kindObject}
	members := map[string]int{}
	for _, layer := range layers {
		for i, key := range layer.keys {
			if j, ok := members[key]; ok {
				out.items[j] = layer.items[i]
				continue
			}
			members[key] = len(out.keys)
			out.keys, out.items = append(out.keys, key), append(out.items, layer.items[i])
		}
	}
	return out
}

func atLine(n *yaml.Node, err error) error {
	if err == nil || n.Line == 0 {
		return err
	}
	return fmt.Errorf("line %d: %w", n.Line, err)
}
