// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"context"
	"errors"
	"strings"
)

// Absent is an annotation or a label that an expression reads and a VMI lacks.
type Absent struct {
	Field string // of the expression: "spec.variables[0].expression"
	Of    string // "annotation" or "label"
	Key   string
}

// VMI is one for which Absent is asked of many programs: to parse it costs more than to ask. One
// goroutine may use it at a time.
type VMI struct{ fields map[string]any }

// ParseVMI reads a VMI, given as JSON of at most 2 MiB.
func ParseVMI(data []byte) (*VMI, error) {
	fields, err := parseVMI(data)
	if err != nil {
		return nil, err
	}
	return &VMI{fields}, nil
}

// Absent finds the first annotation or label without which an expression of the patches fails on a
// VMI; nil for none. Nothing is told of expressions that depend on the domain, nor of what else fails
// in them.
func (p *Program) Absent(ctx context.Context, vmi *VMI) *Absent {
	in, end := begin(ctx, vmi.fields)
	defer end()
	for i := range p.patches {
		if absent := p.patches[i].absent(in); absent != nil {
			return absent
		}
	}
	return nil
}

// absent tries the annotation and the label of the name that the first error tells of: one of
// them may be all that is missing.
func (c *compiled) absent(in *input) *Absent {
	field, key := c.missingKey(in)
	metadata, _ := in.vmi["metadata"].(map[string]any)
	for _, of := range []string{"annotation", "label"} {
		all, _ := metadata[of+"s"].(map[string]any)
		if _, there := all[key]; key == "" || there {
			continue
		}
		all[key] = ""
		nextField, nextKey := c.missingKey(in)
		delete(all, key)
		if nextField != field || nextKey != key {
			return &Absent{Field: field, Of: of, Key: key}
		}
	}
	return nil
}

// missingKey is the key that the first expression which fails does not find, and the field of the
// expression; both are empty where none fails, or for another reason.
func (c *compiled) missingKey(in *input) (field, key string) {
	reason, err := c.unmet(in)
	if reason != "" {
		return "", ""
	}
	if err == nil {
		err = c.evalVariables(in, nil)
	}
	if err == nil {
		err = c.tryRules(in)
	}
	var at *Error
	var missing *missingKeyError
	if !errors.As(err, &at) || !errors.As(err, &missing) {
		return "", ""
	}
	if field = at.Field; !strings.HasSuffix(field, ".when") {
		field += ".expression"
	}
	return field, missing.key
}

// tryRules evaluates the expressions of the rules without a domain, and returns the first error that
// tells of a missing key.
func (c *compiled) tryRules(in *input) error {
	on := *in
	on.document = &documentValue{}
	for i := range c.domain {
		r := &c.domain[i]
		if err := c.tryRule(&on, r.field, r.when, r.expression); err != nil {
			return err
		}
	}
	for i := range c.cloudInit {
		r := &c.cloudInit[i]
		if err := c.tryRule(&on, r.field, r.when, r.expression); err != nil {
			return err
		}
	}
	return nil
}

func (c *compiled) tryRule(in *input, field string, when, expression *expression) error {
	if when != nil {
		holds, err := when.bool(in)
		if isMissingKey(err) {
			return c.ruleError(field+".when", "", err)
		}
		if !holds {
			return nil
		}
	}
	if expression != nil {
		if _, err := expression.eval(in); isMissingKey(err) {
			return c.ruleError(field, "", err)
		}
	}
	return nil
}

func isMissingKey(err error) bool {
	var missing *missingKeyError
	return errors.As(err, &missing)
}
