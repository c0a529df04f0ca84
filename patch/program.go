// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"

	"github.com/google/cel-go/common/types"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// Matching evaluates the matchConditions of every patch of the bundle on a VMI, given as
// JSON. The slice has one element per patch, in the bundle's order.
func (p *Program) Matching(ctx context.Context, vmi []byte) ([]bool, error) {
	in, end, err := p.newInput(ctx, vmi)
	if err != nil {
		return nil, err
	}
	defer end()
	matching := make([]bool, len(p.patches))
	for i := range p.patches {
		reason, err := p.patches[i].unmet(in)
		if err != nil {
			return nil, err
		}
		matching[i] = reason == ""
	}
	return matching, nil
}

// RequiresCloudInit names a patch that matches the VMI, given as JSON, has rules for
// cloud-init and must not be left out; empty where there is none. An error is one of such
// a patch's matchConditions.
func (p *Program) RequiresCloudInit(ctx context.Context, vmi []byte) (string, error) {
	if !p.HasCloudInit() {
		return "", nil // and the VMI need not be parsed
	}
	in, end, err := p.newInput(ctx, vmi)
	if err != nil {
		return "", err
	}
	defer end()
	for i := range p.patches {
		c := &p.patches[i]
		if len(c.cloudInit) == 0 || c.source.FailurePolicy == bundle.Ignore {
			continue
		}
		if reason, err := c.unmet(in); err != nil || reason == "" {
			return c.source.ID(), err
		}
	}
	return "", nil
}

// newInput is how calls begin that are given the VMI as JSON. To parse it costs more than most
// patches do; it is left out where no expression can read it.
func (p *Program) newInput(ctx context.Context, vmi []byte) (in *input, end context.CancelFunc, err error) {
	var parsed map[string]any
	if p.evaluates {
		if parsed, err = parseVMI(vmi); err != nil {
			return nil, nil, err
		}
	}
	in, end = begin(ctx, parsed)
	return in, end, nil
}

// begin is how every call begins: it has MaxDuration to go until end is called.
func begin(ctx context.Context, vmi map[string]any) (in *input, end context.CancelFunc) {
	ctx, end = context.WithTimeoutCause(ctx, MaxDuration, errDuration)
	return &input{ctx: ctx, vmi: vmi, cost: new(uint64)}, end
}

// unmet names the first matchCondition that does not hold; empty when all do.
func (c *compiled) unmet(in *input) (string, error) {
	*in.cost = 0
	for i, m := range c.conditions {
		holds, err := m.bool(in)
		if err != nil {
			return "", &Error{Patch: c.source.ID(), Field: fmt.Sprintf("spec.matchConditions[%d]", i), Rule: m.name, Err: err}
		}
		if !holds {
			return fmt.Sprintf("matchCondition %s is false", m.name), nil
		}
	}
	return "", nil
}

// evalVariables gives the variables of the patch their values: those of the first call, if
// there was one, since what no longer has a value must not fail a domain that is defined.
func (c *compiled) evalVariables(in *input, before *PatchReport) error {
	*in.cost = 0
	if before != nil && before.variables != nil {
		in.variables = before.variables
		return nil
	}
	in.variables = map[string]any{}
	for i, v := range c.variables {
		value, err := v.eval(in)
		if err == nil && v.pattern != nil {
			err = v.match(value)
		}
		if err != nil {
			return &Error{Patch: c.source.ID(), Field: fmt.Sprintf("spec.variables[%d]", i), Rule: v.name, Err: err}
		}
		in.variables[v.name] = value
	}
	return nil
}

func (v *variable) match(value any) error {
	text, ok := value.(types.String)
	if !ok {
		return errors.New("a value with a pattern must be a string")
	}
	matches, err := v.pattern.match(string(text))
	if err != nil {
		return err
	}
	if !matches {
		return fmt.Errorf("the value %.100q does not match the pattern", string(text))
	}
	return nil
}

// errDuration ends a call that takes too long.
var errDuration = fmt.Errorf("the call takes more than %v: %w", MaxDuration, context.DeadlineExceeded)

// isOfCall says whether an error is a limit of the whole call. Whoever hits it may be innocent,
// so it fails the call, whatever the patch's failurePolicy is: else one patch could keep
// another one off the VM.
func isOfCall(err error) bool {
	return errors.Is(err, document.ErrGrowth) || errors.Is(err, cloudinit.ErrGrowth) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// isLimit says whether an error is fatal even on a repeated call.
func isLimit(err error) bool {
	return errors.Is(err, selector.ErrBudget) || errors.Is(err, selector.ErrMatches) || isOfCall(err)
}

// begin decides what every hook decides first: whether the patch runs, and with which
// variables. before is the patch's report of the first call, or nil on a first call.
func (c *compiled) begin(in *input, before *PatchReport) (run bool, report PatchReport, err error) {
	report = PatchReport{Patch: c.source.ID(), Outcome: Applied}
	if before != nil && before.Outcome != Applied {
		report.Outcome, report.Reason = before.Outcome, before.Reason
		return false, report, nil
	}
	if before == nil {
		reason, err := c.unmet(in)
		if err != nil {
			return false, report, err
		}
		if reason != "" {
			report.Outcome, report.Reason = Skipped, reason
			return false, report, nil
		}
	}
	err = c.evalVariables(in, before)
	report.variables = in.variables
	return true, report, err
}

// fail records the failure of a patch, and says whether the call goes on without it.
func (c *compiled) fail(report *PatchReport, err error) (goOn bool) {
	report.Outcome, report.Reason = Failed, err.Error()
	if c.source.FailurePolicy == bundle.Ignore && !isOfCall(err) {
		report.Outcome = Ignored
		return true
	}
	return false
}

// recovered makes a panic an error of the patch. Its place is told, not its text, which may
// quote the VM's data.
func (c *compiled) recovered(report *PatchReport, err *error) {
	if r := recover(); r != nil {
		report.Patch = c.source.ID()
		*err = c.ruleError("spec", "", fmt.Errorf("a fault of DomainPatch itself at %s: please report it", panicPlace()))
	}
}

// panicPlace is the line that panicked, seen from a function that recovers.
func panicPlace() string {
	for skip := 2; ; skip++ {
		pc, file, line, ok := runtime.Caller(skip)
		if !ok {
			return "an unknown place"
		}
		if f := runtime.FuncForPC(pc); f != nil && !strings.HasPrefix(f.Name(), "runtime.") {
			return fmt.Sprintf("%s:%d", path.Base(file), line)
		}
	}
}

// ruleError gives an error of a rule its place.
func (c *compiled) ruleError(field, name string, err error) error {
	return &Error{Patch: c.source.ID(), Field: field, Rule: name, Err: err}
}

// ruleBefore finds the report of rule i on the first call; nil where there was none.
func ruleBefore(before *PatchReport, i int) *RuleReport {
	if before == nil || i >= len(before.Rules) {
		return nil
	}
	return &before.Rules[i]
}
