// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
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
		cel.Function("distinct",
			cel.MemberOverload("list_distinct", []*cel.Type{list}, list, cel.UnaryBinding(distinctList))),
		cel.Function("indexOf",
			cel.MemberOverload("string_index_of_string", []*cel.Type{str, str}, cel.IntType, cel.BinaryBinding(func(text, part ref.Val) ref.Val {
				return indexOf(text, part, types.IntZero)
			})),
			cel.MemberOverload("string_index_of_string_int", []*cel.Type{str, str, cel.IntType}, cel.IntType, cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return indexOf(args[0], args[1], args[2])
			}))),
		cel.Function("lastIndexOf",
			cel.MemberOverload("string_last_index_of_string", []*cel.Type{str, str}, cel.IntType, cel.BinaryBinding(func(text, part ref.Val) ref.Val {
				return lastIndexOf(text, part, types.Int(maxCELText))
			})),
			cel.MemberOverload("string_last_index_of_string_int", []*cel.Type{str, str, cel.IntType}, cel.IntType, cel.FunctionBinding(lastIndexOfFrom))),
		cel.Function("lists.range",
			cel.Overload("lists_range", []*cel.Type{cel.IntType}, cel.ListType(cel.IntType), cel.UnaryBinding(rangeList))),
	}
}

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

// distinctList compares every element with every other one, so it looks at their weight first.
func distinctList(list ref.Val) ref.Val {
	l, isList := list.(traits.Lister)
	if !isList {
		return types.MaybeNoSuchOverloadErr(list)
	}
	n, _ := l.Size().(types.Int)
	if int(n)*weigh(list, heaviest) > heaviest {
		return types.NewErr("distinct: the list of %d elements takes more than %d comparisons of values", n, heaviest)
	}
	var distinct []ref.Val
	for i := types.Int(0); i < n; i++ {
		element := l.Get(i)
		if !slices.ContainsFunc(distinct, func(other ref.Val) bool { return types.Equal(element, other) == types.True }) {
			distinct = append(distinct, element)
		}
	}
	return types.DefaultTypeAdapter.NativeToValue(distinct)
}

// indexOf is that of cel-go, which takes the product of both lengths. It counts characters.
func indexOf(text, part, offset ref.Val) ref.Val {
	s, isText := text.(types.String)
	sub, isPart := part.(types.String)
	from, isInt := offset.(types.Int)
	if !isText || !isPart || !isInt {
		return types.MaybeNoSuchOverloadErr(text)
	}
	if from < 0 {
		return types.NewErr("index out of range: %d", from)
	}
	start, characters := byteIndex(string(s), int(from))
	if i := strings.Index(string(s)[start:], string(sub)); i >= 0 {
		return types.Int(characters + utf8.RuneCountInString(string(s)[start:start+i]))
	}
	return types.IntNegOne
}

// lastIndexOf is the last place at which part starts, at offset or before it.
func lastIndexOf(text, part, offset ref.Val) ref.Val {
	s, isText := text.(types.String)
	sub, isPart := part.(types.String)
	from, isInt := offset.(types.Int)
	if !isText || !isPart || !isInt {
		return types.MaybeNoSuchOverloadErr(text)
	}
	start, _ := byteIndex(string(s), int(from))
	end := min(start+len(sub), len(s))
	if i := strings.LastIndex(string(s)[:end], string(sub)); i >= 0 {
		return types.Int(utf8.RuneCountInString(string(s)[:i]))
	}
	return types.IntNegOne
}

// lastIndexOfFrom is lastIndexOf with an offset of the user's, which cel-go wants inside the text.
func lastIndexOfFrom(args ...ref.Val) ref.Val {
	s, isText := args[0].(types.String)
	from, isInt := args[2].(types.Int)
	switch {
	case !isText || !isInt:
		return types.MaybeNoSuchOverloadErr(args[0])
	case from < 0:
		return types.NewErr("index out of range: %d", from)
	case int(from) >= utf8.RuneCountInString(string(s)) && args[1] != types.String(""):
		return types.IntNegOne
	}
	return lastIndexOf(args[0], args[1], from)
}

// byteIndex gives the byte at which a character starts, by its number; what is beyond the end
// is the end. characters is the number of those before it.
func byteIndex(text string, character int) (start, characters int) {
	for start = range text {
		if characters == character {
			return start, characters
		}
		characters++
	}
	return len(text), characters
}
