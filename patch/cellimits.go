// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"fmt"

	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// CEL's cost limit counts work, and its extensions hardly count at all: ten calls of
// replace() can ask for terabytes. So every result of a call is bounded. What can
// multiply its input is bounded before it allocates; for the rest, which grows its
// input by a small factor, the cost of a result over a limit ends the evaluation.
const (
	maxCELText   = 256 << 10 // bytes of one text
	maxCELList   = 2000      // elements of one list or map
	maxCELValues = 10_000    // values in one list or map, and in those in it
)

var (
	errCELText   = fmt.Errorf("the text would have more than %d bytes", maxCELText)
	errCELList   = fmt.Errorf("the list would have more than %d elements", maxCELList)
	errCELValues = fmt.Errorf("the list or map would have more than %d values, each counted as often as it stands in it, and %d bytes of text as one", maxCELValues, bytesPerPoint)
)

func tooLong() ref.Val { return types.WrapErr(errCELText) }

func tooMany() ref.Val { return types.WrapErr(errCELList) }

// cost tells CEL's cost tracker what calls cost: what they read and what they make.
type cost struct{ patterns map[string]*pattern }

// What a unit of the cost stands for, beyond the call itself. The functions on texts take up
// to some five bytes of memory per byte of text, so that an evaluation takes some tens of MiB.
const (
	bytesPerPoint  = 64
	valuesPerPoint = 8
	heaviest       = valuesPerPoint * maxExpressionCost // of any value that an expression makes
)

// CallCost implements interpreter.ActualCostEstimator. It ends the evaluation at a result that
// is too large.
func (c cost) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	checkResult(result)
	points := 1
	switch function {
	case operators.Equals, operators.NotEquals:
		points += min(weigh(args[0], heaviest), weigh(args[1], heaviest)) / valuesPerPoint
	case operators.In:
		if _, isList := args[1].(traits.Lister); isList {
			points += weigh(args[1], heaviest) / valuesPerPoint
		}
	case operators.Add:
		points += memoryCost(result)
		if _, isList := result.(traits.Lister); isList {
			points = 1 + addedWeight(args[1])/valuesPerPoint
		}
	case xpathCallName:
		points += weigh(result, heaviest) // the texts are new ones, of the whole element each
	case literalName:
		points = common.ListCreateBaseCost + weigh(result, maxCELValues)/valuesPerPoint
	case overloads.Matches:
		points += c.matchWork(args) / matchWorkPerPoint
	default:
		points += memoryCost(result)
		for _, a := range args {
			if _, isText := a.(types.String); isText {
				points += memoryCost(a)
			}
		}
	}
	total := uint64(points) //nolint:gosec // a sum of sizes is not negative
	return &total
}

// addedWeight is what the list on the right adds: that on the left was paid before.
func addedWeight(list ref.Val) int {
	added := weigh(list, maxCELValues)
	if added > maxCELValues {
		endEvaluation(errCELValues)
	}
	return added
}

func (c cost) matchWork(args []ref.Val) int {
	text, isText := args[0].(types.String)
	regex, isRegex := args[1].(types.String)
	if !isText || !isRegex || c.patterns[string(regex)] == nil {
		return 0
	}
	return min(c.patterns[string(regex)].work(string(text)), maxMatchWork) // over it nothing is matched
}

// memoryCost is the cost of the memory of one value, without what it holds.
func memoryCost(v ref.Val) int {
	switch v := v.(type) {
	case types.String:
		return len(v) / bytesPerPoint
	case types.Bytes:
		return len(v) / bytesPerPoint
	case traits.Lister:
		if n, ok := v.Size().(types.Int); ok {
			return int(n) / valuesPerPoint
		}
	}
	return 0
}

// weigh counts the values in a value, what is shared as often as it stands there, and texts
// as the bytes of them. Something over the limit stands for all that is more.
func weigh(v ref.Val, limit int) int {
	left := limit
	weighInto(v, &left)
	return limit - left
}

// weighInto takes the weight of a value from what is left, until that is negative.
func weighInto(v ref.Val, left *int) {
	*left--
	switch v := v.(type) {
	case types.String:
		*left -= len(v) / bytesPerPoint
	case types.Bytes:
		*left -= len(v) / bytesPerPoint
	case *types.Optional:
		if v.HasValue() {
			weighInto(v.GetValue(), left)
		}
	case traits.Mapper:
		for it := v.Iterator(); *left >= 0 && it.HasNext() == types.True; {
			key := it.Next()
			weighInto(key, left)
			weighInto(v.Get(key), left)
		}
	case traits.Lister:
		n, _ := v.Size().(types.Int)
		for i := types.Int(0); *left >= 0 && i < n; i++ {
			weighInto(v.Get(i), left)
		}
	}
}

// checkResult ends the evaluation at a text, list or map over the limits.
func checkResult(result ref.Val) {
	limit, problem := types.Int(maxCELList), errCELList
	switch result.(type) {
	case types.String, types.Bytes:
		limit, problem = maxCELText, errCELText
	}
	if sizer, ok := result.(traits.Sizer); ok {
		if n, ok := sizer.Size().(types.Int); ok && n > limit {
			endEvaluation(problem)
		}
	}
}

// resultLimit is the cause of what endEvaluation ends: none of CEL's own.
const resultLimit interpreter.CancellationCause = -1

// endEvaluation ends an evaluation whatever || and && would make of an error: CEL recovers
// from this panic as from that of its own cost limit.
func endEvaluation(problem error) {
	panic(interpreter.EvalCancelledError{Message: problem.Error(), Cause: resultLimit})
}

// bound replaces what CEL plans by what stays within limits.
func (e *expression) bound(node interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	switch n := node.(type) {
	case interpreter.InterpretableConstructor:
		return boundedLiteral{n}, nil
	case interpreter.InterpretableCall:
		if n.Function() == overloads.Matches {
			return interpreter.NewCall(n.ID(), n.Function(), n.OverloadID(), n.Args(), e.matches), nil
		}
	}
	return node, nil
}

// matches is the function of CEL with the patterns that were compiled beforehand.
func (e *expression) matches(args ...ref.Val) ref.Val {
	text, isText := args[0].(types.String)
	regex, isRegex := args[1].(types.String)
	if !isText || !isRegex || e.patterns[string(regex)] == nil {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	matches, err := e.patterns[string(regex)].match(string(text))
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Bool(matches)
}

// literalName is what CallCost calls the function that makes a list or map of its parts.
const literalName = "@literal"

// boundedLiteral is a list or map literal. Literals alone put values into values, and + alone
// makes lists longer; both weigh what goes in, and the cost pays for what is added. So no value
// has more parts, shared ones counted each time, than its evaluation has paid for, and
// whatever walks through a value ends.
type boundedLiteral struct {
	interpreter.InterpretableConstructor
}

// Exec implements interpreter.InterpretableV2.
func (l boundedLiteral) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	value := l.InterpretableConstructor.Exec(frame)
	checkResult(value)
	if weigh(value, maxCELValues) > maxCELValues {
		endEvaluation(errCELValues)
	}
	return value
}

// Function, OverloadID and Args make a literal a call to CEL's cost tracker, so that the walk
// through its values is paid for.

// Function implements interpreter.InterpretableCall.
func (l boundedLiteral) Function() string { return literalName }

// OverloadID implements interpreter.InterpretableCall.
func (l boundedLiteral) OverloadID() string { return literalName }

// Args implements interpreter.InterpretableCall.
func (l boundedLiteral) Args() []interpreter.InterpretableV2 { return l.InitVals() }

// Eval implements interpreter.Interpretable.
func (l boundedLiteral) Eval(vars interpreter.Activation) ref.Val {
	return l.Exec(interpreter.AsFrame(vars))
}
