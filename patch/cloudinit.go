// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
)

// cloudInitRule is a compiled rule on the cloud-init data.
type cloudInitRule struct {
	*bundle.CloudInitRule
	field      string
	operation  cloudinit.Operation // without its value where there is an expression
	template   bool                // whether strings of the value hold $(NAME)
	when       *expression
	expression *expression
}

func (c *patchCompiler) compileCloudInitRule(field string, r *bundle.CloudInitRule, names unique) {
	c.checkRuleName(field, r.Name, names)
	out := cloudInitRule{CloudInitRule: r, field: field}
	out.operation = cloudinit.Operation{Target: r.Target, Op: r.Op, Path: r.Path, From: r.From, Create: r.Create}
	c.compileValue(&out)
	if isTemplate(r.Path) {
		c.errorf(field+".path", r.Name, errTemplatePlace)
	}
	if isTemplate(r.From) {
		c.errorf(field+".from", r.Name, errTemplatePlace)
	}
	for _, p := range out.operation.Validate() {
		c.errorf(field+"."+p.Field, r.Name, p.Err)
	}
	out.when = c.when(field, r.Name, r.When, variableScope)
	c.out.cloudInit = append(c.out.cloudInit, out)
}

// compileValue takes the value from the one of three fields that has it.
func (c *patchCompiler) compileValue(r *cloudInitRule) {
	given := 0
	for _, is := range []bool{r.Value != nil, r.YAML != "", r.Expression != ""} {
		if is {
			given++
		}
	}
	if given > 1 {
		c.errorf(r.field, r.Name, errors.New("give one of value, yaml and expression, not several"))
		return
	}
	var err error
	field := "value"
	switch {
	case r.Value != nil:
		r.operation.Value = r.Value
		err = c.compileTemplates(r)
	case r.YAML != "":
		field = "yaml"
		if r.operation.Value, err = cloudinit.ParseYAML(r.YAML); err == nil {
			err = c.compileTemplates(r)
		}
	case r.Expression != "":
		field = "expression"
		r.operation.Value = json.RawMessage("null") // for Validate; the call puts the true one
		r.expression, err = c.cel.compile(r.Expression, variableScope, c.vars, acceptsAny)
	}
	if err != nil {
		c.errorf(r.field+"."+field, r.Name, err)
		r.operation.Value = json.RawMessage("null") // or Validate would miss the value
	}
}

var errTemplatePlace = errors.New("$(NAME) stands for a variable in the strings of a value only, not in keys and paths: put the key into a value that an expression gives")

// compileTemplates checks every string of the parsed value that holds $(NAME).
func (c *patchCompiler) compileTemplates(r *cloudInitRule) error {
	_, err := cloudinit.MapStrings(r.operation.Value, func(text string, isKey bool) (string, error) {
		switch {
		case !isTemplate(text):
			return text, nil
		case isKey:
			return "", errTemplatePlace
		}
		r.template = true
		return text, checkTemplate(text, c.vars)
	})
	return err
}

// CloudInit applies the bundle to KubeVirt's CloudInitData, given and returned as JSON,
// for a VMI given as JSON. The result is the input's bytes where nothing changed, but
// for an empty userData, which becomes "#cloud-config\n": KubeVirt takes data without
// userData for an older format and drops the rest. Errors are as for Domain.
func (p *Program) CloudInit(ctx context.Context, data, vmi []byte) ([]byte, *Report, error) {
	in, end, err := p.newInput(ctx, vmi)
	if err != nil {
		return nil, nil, err
	}
	defer end()
	doc, err := cloudinit.Parse(data)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot parse the cloud-init data: %w", err)
	}
	report := &Report{}
	call := &cloudInitCall{input: *in}
	if len(p.patches) > 1 {
		call.authors.wrote = map[pointer]string{}
	}
	for i := range p.patches {
		next, done, err := p.patches[i].applyCloudInit(call, doc)
		report.Patches = append(report.Patches, done)
		if err != nil {
			return nil, report, err
		}
		doc = next
	}
	out, err := doc.Encode()
	if err != nil {
		return nil, report, fmt.Errorf("cannot write the cloud-init data: %w", err)
	}
	return out, report, nil
}

// cloudInitCall is the state of one call.
type cloudInitCall struct {
	input
	authors cloudInitAuthors
}

// applyCloudInit applies one patch to a copy of the data, so that it takes effect whole
// or not at all, and returns the data that the call goes on with.
func (c *compiled) applyCloudInit(call *cloudInitCall, data *cloudinit.Data) (*cloudinit.Data, PatchReport, error) {
	wrote := maps.Clone(call.authors.wrote)
	edited, report, err := c.tryCloudInit(call, data)
	if err == nil {
		return edited, report, nil
	}
	call.authors.wrote = wrote
	if c.fail(&report, err) {
		return data, report, nil
	}
	return nil, report, err
}

func (c *compiled) tryCloudInit(call *cloudInitCall, data *cloudinit.Data) (edited *cloudinit.Data, report PatchReport, err error) {
	defer c.recovered(&report, &err)
	if len(c.cloudInit) == 0 {
		return data, PatchReport{Patch: c.source.ID(), Outcome: Skipped, Reason: "the patch has no cloudInit rules"}, nil
	}
	run, report, err := c.begin(&call.input, nil)
	if err != nil || !run {
		return data, report, err
	}
	edited = data.Clone()
	return edited, report, c.applyCloudInitRules(call, edited, &report)
}

func (c *compiled) applyCloudInitRules(call *cloudInitCall, data *cloudinit.Data, report *PatchReport) error {
	call.authors.current = report.Patch
	for i := range c.cloudInit {
		r := &c.cloudInit[i]
		rule, err := r.run(call, data)
		report.Rules = append(report.Rules, rule)
		if late := context.Cause(call.ctx); late != nil {
			err = late // whatever the rule says, or patches that may fail would go on without end
		}
		if err != nil {
			return c.ruleError(r.field, r.Name, err)
		}
	}
	return nil
}

func (r *cloudInitRule) run(call *cloudInitCall, data *cloudinit.Data) (RuleReport, error) {
	report := RuleReport{Field: r.field, Name: r.Name, Op: string(r.Op), Outcome: Applied}
	skip := func(reason string) (RuleReport, error) {
		report.Outcome, report.Reason = Skipped, reason
		return report, nil
	}
	failed := func(err error) (RuleReport, error) {
		report.Outcome = Failed
		return report, err
	}
	if r.when != nil {
		if holds, err := r.when.bool(&call.input); err != nil {
			return failed(fmt.Errorf("when: %w", err))
		} else if !holds {
			return skip("when is false")
		}
	}
	operation := r.operation
	var err error
	if operation.Value, err = r.valueOf(call); err != nil {
		return failed(err)
	}
	if r.expression != nil && operation.Value == nil {
		return skip("the expression gives an empty optional")
	}
	changed, err := data.Apply(&operation)
	if err != nil {
		return failed(err)
	}
	report.Matched = 1
	if changed {
		report.Changed = 1
		call.authors.note(&operation, r.expression != nil)
		report.Overrides = call.authors.take()
	}
	return report, nil
}

// valueOf gives the value of the rule in this call; nil where the rule has none, or its
// expression gives none.
func (r *cloudInitRule) valueOf(call *cloudInitCall) (json.RawMessage, error) {
	switch {
	case r.template:
		value, err := cloudinit.MapStrings(r.operation.Value, func(text string, isKey bool) (string, error) {
			if isKey {
				return text, nil
			}
			return call.expand(text)
		})
		if err != nil {
			return nil, fmt.Errorf("value: %w", err)
		}
		return value, nil
	case r.expression != nil:
		return r.expression.json(&call.input)
	}
	return r.operation.Value, nil
}

// json evaluates to any JSON value; nil for an empty optional. Null is a value.
func (e *expression) json(in *input) (json.RawMessage, error) {
	result, err := e.eval(in)
	if err != nil {
		return nil, err
	}
	result, ok := unwrap(result)
	if !ok {
		return nil, nil
	}
	var w jsonWriter
	if err := w.write(result); err != nil {
		return nil, err
	}
	return w.Bytes(), nil
}
