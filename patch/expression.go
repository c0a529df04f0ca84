// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"
	"github.com/google/cel-go/interpreter"

	"github.com/domainpatch/domainpatch/patch/selector"
)

// maxErrorText is how much of an error of CEL is quoted, in characters.
const maxErrorText = 200

// Limits of an expression.
const (
	maxExpressionBytes = 4096
	maxExpressionCost  = 100_000 // of CEL's cost units, per evaluation
	maxPatchCost       = 500_000 // of the conditions of a patch, and of the rest of it, per call
)

// scope says which names an expression may use.
type scope int

const (
	conditionScope scope = iota // vmi
	variableScope               // and variables
	domainScope                 // and xpath()
	nodeScope                   // and current
)

// compiler compiles the CEL expressions of one bundle. An environment is made when the
// first expression of its scope comes: most rules have none.
type compiler struct {
	envs     [nodeScope + 1]*cel.Env
	compiled map[source]*expression   // those that may be used again
	costs    *interpreter.CostTracker // what the costs of CEL's extensions are; nil until the first expression
	patterns int                      // instructions of the regular expressions of the patch so far
}

// source is what an expression is compiled from. Copies of a patch bring the same ones again, and a large bundle of them
// would else take more memory for its expressions than for anything else.
type source struct {
	text string
	scope
}

// used says whether there was any expression to compile.
func (c *compiler) used() bool { return c.envs[conditionScope] != nil }

// env gives the environment of a scope, which is that of the scope before it and more.
func (c *compiler) env(s scope) (_ *cel.Env, err error) {
	if c.envs[s] != nil {
		return c.envs[s], nil
	}
	if s == conditionScope {
		c.envs[s], err = conditionEnv()
	} else {
		var before *cel.Env
		if before, err = c.env(s - 1); err == nil {
			c.envs[s], err = before.Extend(s.additions()...)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot set up CEL: %w", err)
	}
	return c.envs[s], nil
}

func conditionEnv() (*cel.Env, error) {
	env, err := cel.NewEnv(
		cel.Variable("vmi", cel.MapType(cel.StringType, cel.DynType)),
		cel.OptionalTypes(), ext.Strings(ext.StringsVersion(4)), ext.Math(), ext.Lists(),
		cel.ParserExpressionSizeLimit(maxExpressionBytes), cel.ParserRecursionLimit(32),
	)
	if err != nil {
		return nil, err
	}
	return env.Extend(boundedFunctions()...)
}

// additions is what a scope has beyond the one before it.
func (s scope) additions() []cel.EnvOption {
	switch s {
	case variableScope:
		return []cel.EnvOption{cel.Variable("variables", cel.MapType(cel.StringType, cel.DynType))}
	case domainScope:
		return xpathFunction()
	case nodeScope:
		return []cel.EnvOption{cel.Variable("current", cel.DynType)}
	}
	return nil
}

// expression is a compiled CEL expression, safe for concurrent use.
type expression struct {
	program   cel.Program
	result    *cel.Type
	variables []string                  // that it names
	paths     map[string]*selector.Path // those that xpath() names literally
	patterns  map[string]*pattern       // those of matches()
}

// compile checks an expression and every path and variable that it names literally.
func (c *compiler) compile(text string, in scope, variables []string, accepts func(*cel.Type) error) (*expression, error) {
	if len(text) > maxExpressionBytes {
		return nil, fmt.Errorf("the expression has %d bytes, over the limit of %d", len(text), maxExpressionBytes)
	}
	e := c.compiled[source{text, in}]
	if e == nil {
		var err error
		if e, err = c.compileNew(source{text, in}, variables); err != nil {
			return nil, err
		}
	}
	for _, v := range e.variables {
		if !slices.Contains(variables, v) {
			return nil, fmt.Errorf("variables.%s is not defined before its use", v)
		}
	}
	if err := accepts(e.result); err != nil {
		return nil, err
	}
	return e, nil
}

// compileNew compiles an expression and keeps it for the next patch, unless it has regular expressions: each patch
// pays for its own.
func (c *compiler) compileNew(src source, variables []string) (*expression, error) {
	env, err := c.env(src.scope)
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(src.text)
	if issues.Err() != nil {
		return nil, celErrors(src.text, issues, variables)
	}
	e := &expression{result: checked.OutputType(), paths: map[string]*selector.Path{}, patterns: map[string]*pattern{}}
	if err := c.inspect(e, src.text, checked.NativeRep()); err != nil {
		return nil, err
	}
	e.program, err = env.Program(checked, cel.CostLimit(maxExpressionCost), cel.CostTracking(cost{e.patterns}),
		cel.CostTrackerOptions(c.shareCosts), cel.CustomDecoratorV2(e.bound), cel.InterruptCheckFrequency(1))
	if err != nil {
		return nil, err
	}
	if len(e.patterns) == 0 {
		if c.compiled == nil {
			c.compiled = map[source]*expression{}
		}
		c.compiled[src] = e
	}
	return e, nil
}

// shareCosts gives all programs one table of the costs of CEL's extensions. Each would keep its own, which takes more memory
// than the rest of a short expression. CEL asks for it when it makes a program, not when it evaluates one.
func (c *compiler) shareCosts(own *interpreter.CostTracker) error {
	if c.costs == nil {
		costs := *own
		c.costs = &costs
		return nil
	}
	estimator := own.Estimator
	*own = *c.costs
	own.Estimator = estimator
	return nil
}

// inspect looks through the checked expression for what CEL itself does not check.
func (c *compiler) inspect(e *expression, text string, checked *ast.AST) error {
	var errs []error
	ast.PreOrderVisit(checked.Expr(), ast.NewExprVisitor(func(n ast.Expr) {
		switch n.Kind() {
		case ast.SelectKind:
			e.noteVariable(n.AsSelect())
		case ast.CallKind:
			err := errors.Join(e.compilePathLiteral(n.AsCall()), c.compilePatternLiteral(e, n.AsCall()), checkFunction(n.AsCall()))
			if err != nil {
				errs = append(errs, placed{err, callOffset(text, n, checked)})
			}
		}
	}))
	return errors.Join(errs...)
}

// callOffset is where in its text the last argument of a call stands, or the call itself if it has none.
func callOffset(text string, n ast.Expr, checked *ast.AST) int {
	if args := n.AsCall().Args(); len(args) > 0 {
		n = args[len(args)-1]
	}
	place := checked.SourceInfo().GetStartLocation(n.ID())
	return offsetAt(text, place.Line(), place.Column())
}

// compilePatternLiteral compiles the regular expression of matches('...').
func (c *compiler) compilePatternLiteral(e *expression, call ast.CallExpr) error {
	if call.FunctionName() != overloads.Matches {
		return nil
	}
	args := call.Args() // the last one is the pattern: the text is the target or the first
	if len(args) == 0 || args[len(args)-1].Kind() != ast.LiteralKind {
		return errDynamicPattern
	}
	text, ok := args[len(args)-1].AsLiteral().(types.String)
	if !ok {
		return errDynamicPattern
	}
	if e.patterns[string(text)] != nil {
		return nil
	}
	compiled, err := c.parsePattern(string(text), false)
	if err != nil {
		return fmt.Errorf("matches(): %w", err)
	}
	e.patterns[string(text)] = compiled
	return nil
}

func (e *expression) noteVariable(s ast.SelectExpr) {
	if s.Operand().Kind() == ast.IdentKind && s.Operand().AsIdent() == "variables" {
		e.variables = append(e.variables, s.FieldName())
	}
}

// checkFunction refuses the function whose result has no bound that could be told beforehand.
func checkFunction(call ast.CallExpr) error {
	if call.FunctionName() == "format" {
		return errors.New("format() is not supported: put texts together with + and string()")
	}
	return nil
}

// input is what expressions are evaluated on.
type input struct {
	ctx       context.Context
	vmi       map[string]any
	variables map[string]any
	document  *documentValue
	current   any     // string or nil
	cost      *uint64 // of what the patch has evaluated so far, for all copies of the input
}

func (in *input) activation() map[string]any {
	return map[string]any{"vmi": in.vmi, "variables": in.variables, documentName: in.document, "current": in.current}
}

func (e *expression) eval(in *input) (ref.Val, error) {
	if ended := context.Cause(in.ctx); ended != nil {
		return nil, ended
	}
	if *in.cost > maxPatchCost {
		return nil, fmt.Errorf("the expressions of the patch cost more than %d units together: make them cheaper, or let the rules select fewer nodes", maxPatchCost)
	}
	if in.document != nil {
		in.document.err, in.document.compiled = nil, e.paths
	}
	value, details, err := e.program.ContextEval(in.ctx, in.activation())
	if spent := details.ActualCost(); spent != nil {
		*in.cost += *spent
	} else {
		*in.cost += maxExpressionCost
	}
	if err != nil {
		return nil, evalError(in, err)
	}
	return value, nil
}

// evalError says why an evaluation failed.
func evalError(in *input, err error) error {
	if in.document != nil && in.document.err != nil {
		return in.document.err
	}
	if ended := context.Cause(in.ctx); ended != nil {
		return ended
	}
	var cancelled interpreter.EvalCancelledError
	if errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded {
		return fmt.Errorf("cannot evaluate the expression: %w of %d units: let it look at less, or at shorter texts", cancelled, maxExpressionCost)
	}
	told := fmt.Errorf("cannot evaluate the expression: %.*q", maxErrorText, err.Error()) // CEL may name a value in full
	if key, ok := strings.CutPrefix(err.Error(), "no such key: "); ok {
		return &missingKeyError{told, key}
	}
	return told
}

// missingKeyError tells of a key that a map does not hold.
type missingKeyError struct {
	error
	key string
}

func (e *expression) bool(in *input) (bool, error) {
	value, err := e.eval(in)
	if err != nil {
		return false, err
	}
	b, ok := value.(types.Bool)
	if !ok {
		return false, fmt.Errorf("the expression gives %s instead of bool", value.Type().TypeName())
	}
	return bool(b), nil
}

// text evaluates to text; ok is false for null and an empty optional.
func (e *expression) text(in *input) (text string, ok bool, err error) {
	value, err := e.eval(in)
	if err != nil {
		return "", false, err
	}
	if text, ok, err = textOf(value); err != nil {
		err = fmt.Errorf("the expression %w", err)
	}
	return text, ok, err
}

// textOf gives the text of a string, a number or a bool; ok is false for null and an empty optional.
func textOf(value ref.Val) (text string, ok bool, err error) {
	if value, ok = unwrap(value); !ok || value.Type() == types.NullType {
		return "", false, nil
	}
	switch value.(type) {
	case types.String, types.Int, types.Uint, types.Double, types.Bool:
		s, isString := value.ConvertToType(types.StringType).(types.String)
		return string(s), isString, nil
	}
	return "", false, fmt.Errorf("gives %s instead of text", value.Type().TypeName())
}

// unwrap takes a value out of its optional; ok is false for an empty one.
func unwrap(value ref.Val) (_ ref.Val, ok bool) {
	if optional, is := value.(*types.Optional); is {
		if !optional.HasValue() {
			return nil, false
		}
		value = optional.GetValue()
	}
	return value, true
}

// acceptsBool, acceptsText and acceptsAny are what the static type of an expression may be.

func acceptsBool(t *cel.Type) error { return acceptsKinds(t, "bool", types.BoolKind) }

func acceptsText(t *cel.Type) error {
	if t.Kind() == types.OpaqueKind && t.TypeName() == "optional_type" && len(t.Parameters()) == 1 {
		t = t.Parameters()[0]
	}
	return acceptsKinds(t, "string, int, double or bool", types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.BoolKind, types.NullTypeKind)
}

func acceptsAny(*cel.Type) error { return nil }

func acceptsKinds(t *cel.Type, wanted string, kinds ...types.Kind) error {
	for _, k := range append(kinds, types.DynKind, types.AnyKind) {
		if t.Kind() == k {
			return nil
		}
	}
	return fmt.Errorf("the expression gives %s instead of %s", t, wanted)
}
