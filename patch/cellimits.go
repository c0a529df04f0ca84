// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"math"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// CEL's cost limit counts work, and its extensions hardly count at all: ten calls of
// replace() can ask for terabytes. So every result of a call is bounded. What can
// multiply its input is bounded before it allocates; for the rest, which grows its
// input by a small factor, the cost of a result over a limit ends the evaluation.
const (
	maxCELText = 256 << 10 // bytes of one text
	maxCELList = 2000      // elements of one list or map
)

// boundedFunctions replaces the functions of cel-go's extensions that multiply.
func boundedFunctions() []cel.EnvOption {
	str, strs := cel.StringType, cel.ListType(cel.StringType)
	list := cel.ListType(cel.TypeParamType("T"))
	return []cel.EnvOption{
		cel.Function("replace",
			cel.MemberOverload("string_replace_string_string", []*cel.Type{str, str, str}, str, cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return replaceText(args[0], args[1], args[2], types.Int(-1))
			})),
			cel.MemberOverload("string_replace_string_string_int", []*cel.Type{str, str, str, cel.IntType}, str, cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return replaceText(args[0], args[1], args[2], args[3])
			}))),
		cel.Function("join",
			cel.MemberOverload("list_join", []*cel.Type{strs}, str, cel.UnaryBinding(func(list ref.Val) ref.Val { return joinTexts(list, types.String("")) })),
			cel.MemberOverload("list_join_string", []*cel.Type{strs, str}, str, cel.BinaryBinding(joinTexts))),
		cel.Function("flatten",
			cel.MemberOverload("list_flatten", []*cel.Type{cel.ListType(list)}, list, cel.UnaryBinding(func(l ref.Val) ref.Val { return flattenList(l, types.Int(1)) })),
			cel.MemberOverload("list_flatten_int", []*cel.Type{cel.ListType(cel.DynType), cel.IntType}, cel.ListType(cel.DynType), cel.BinaryBinding(flattenList))),
		cel.Function("lists.range",
			cel.Overload("lists_range", []*cel.Type{cel.IntType}, cel.ListType(cel.IntType), cel.UnaryBinding(rangeList))),
	}
}

func tooLong() ref.Val { return types.NewErr("the text would have more than %d bytes", maxCELText) }

func tooMany() ref.Val { return types.NewErr("the list would have more than %d elements", maxCELList) }

func replaceText(text, old, replacement, count ref.Val) ref.Val {
	s, isText := text.(types.String)
	from, isFrom := old.(types.String)
	to, isTo := replacement.(types.String)
	n, isInt := count.(types.Int)
	if !isText || !isFrom || !isTo || !isInt {
		return types.MaybeNoSuchOverloadErr(text)
	}
	found := strings.Count(string(s), string(from))
	if n >= 0 && int64(n) < int64(found) {
		found = int(n)
	}
	if len(s)+found*max(len(to)-len(from), 0) > maxCELText {
		return tooLong()
	}
	return types.String(strings.Replace(string(s), string(from), string(to), found))
}

func joinTexts(list, separator ref.Val) ref.Val {
	l, isList := list.(traits.Lister)
	sep, isText := separator.(types.String)
	if !isList || !isText {
		return types.MaybeNoSuchOverloadErr(list)
	}
	if size, ok := l.Size().(types.Int); !ok || size > maxCELList {
		return tooMany()
	}
	var texts []string
	length := 0
	for it := l.Iterator(); it.HasNext() == types.True; {
		text, ok := it.Next().(types.String)
		if !ok {
			return types.NewErr("join: an element is no string")
		}
		if length += len(text) + len(sep); length > maxCELText {
			return tooLong()
		}
		texts = append(texts, string(text))
	}
	return types.String(strings.Join(texts, string(sep)))
}

func flattenList(list, depth ref.Val) ref.Val {
	l, isList := list.(traits.Lister)
	levels, isInt := depth.(types.Int)
	if !isList || !isInt {
		return types.MaybeNoSuchOverloadErr(list)
	}
	if levels < 0 {
		return types.NewErr("flatten: the depth is negative")
	}
	f := flattener{}
	if !f.flatten(l, levels) {
		return tooMany()
	}
	return types.DefaultTypeAdapter.NativeToValue(f.flat)
}

type flattener struct {
	flat    []ref.Val
	visited int // lists may be empty, but looking into them is work, too
}

func (f *flattener) flatten(l traits.Lister, levels types.Int) (ok bool) {
	for it := l.Iterator(); it.HasNext() == types.True; {
		if f.visited++; f.visited > 2*maxCELList || len(f.flat) == maxCELList {
			return false
		}
		value := it.Next()
		inner, isList := value.(traits.Lister)
		if !isList || levels == 0 {
			f.flat = append(f.flat, value)
		} else if !f.flatten(inner, levels-1) {
			return false
		}
	}
	return true
}

func rangeList(count ref.Val) ref.Val {
	n, ok := count.(types.Int)
	if !ok {
		return types.MaybeNoSuchOverloadErr(count)
	}
	if n > maxCELList {
		return tooMany()
	}
	list := make([]int64, max(n, 0))
	for i := range list {
		list[i] = int64(i)
	}
	return types.DefaultTypeAdapter.NativeToValue(list)
}

// resultCost makes a result over the limits cost more than any evaluation may.
type resultCost struct{}

// CallCost implements interpreter.ActualCostEstimator; nil stands for CEL's own cost.
func (resultCost) CallCost(_, _ string, _ []ref.Val, result ref.Val) *uint64 {
	limit := types.Int(maxCELList)
	switch result.(type) {
	case types.String, types.Bytes:
		limit = maxCELText
	}
	sizer, ok := result.(traits.Sizer)
	if !ok {
		return nil
	}
	size, ok := sizer.Size().(types.Int)
	if !ok || size <= limit {
		return nil
	}
	cost := uint64(math.MaxUint32)
	return &cost
}
