// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/parser"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// CEL functions see their arguments alone, so xpath(p) is a macro for a call that
// also gets the document, from a variable that no user can name.
const (
	documentName  = "@document"
	xpathCallName = "@xpath"
)

var documentType = types.NewOpaqueType("domainpatch.document")

func xpathFunction() []cel.EnvOption {
	macro := cel.GlobalMacro("xpath", 1, func(eh parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		return eh.NewCall(xpathCallName, eh.NewIdent(documentName), args[0]), nil
	})
	return []cel.EnvOption{
		cel.Macros(macro),
		cel.Variable(documentName, documentType),
		cel.Function(xpathCallName, cel.Overload("document_xpath", []*cel.Type{documentType, cel.StringType},
			cel.ListType(cel.StringType), cel.BinaryBinding(evalXPath))),
	}
}

// compilePathLiteral compiles the path of xpath('...') when the patch is compiled.
func (e *expression) compilePathLiteral(call ast.CallExpr) error {
	if call.FunctionName() != xpathCallName || len(call.Args()) != 2 || call.Args()[1].Kind() != ast.LiteralKind {
		return nil
	}
	path, ok := call.Args()[1].AsLiteral().(types.String)
	if !ok {
		return nil
	}
	compiled, err := selector.Compile(string(path))
	if err != nil {
		return fmt.Errorf("xpath(%.100q): %w", string(path), err)
	}
	e.paths[string(path)] = compiled
	return nil
}

// documentValue is the document as CEL carries it around. The budget is the rule's.
type documentValue struct {
	doc      *document.Document // nil where none is known: xpath() fails
	budget   *selector.Budget
	compiled map[string]*selector.Path // the literal paths of the expression that is evaluated
	err      error                     // the last failure of xpath(), with its type kept
}

func evalXPath(doc, path ref.Val) ref.Val {
	d, isDocument := doc.(*documentValue)
	p, isString := path.(types.String)
	if !isDocument || !isString {
		return types.MaybeNoSuchOverloadErr(path)
	}
	texts, err := d.texts(string(p))
	if err != nil {
		d.err = fmt.Errorf("xpath(%.100q): %w", string(p), err)
		return types.WrapErr(d.err)
	}
	return types.NewStringList(types.DefaultTypeAdapter, texts)
}

func (d *documentValue) texts(path string) ([]string, error) {
	if d.doc == nil {
		return nil, errors.New("there is no document to look into")
	}
	compiled, known := d.compiled[path]
	if !known {
		var err error
		if compiled, err = selector.Compile(path); err != nil {
			return nil, fmt.Errorf("%.200q", err.Error()) // it names parts of the path
		}
	}
	nodes, err := compiled.Select(d.doc, d.budget)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(nodes))
	length := 0
	for i, n := range nodes {
		texts[i] = n.Text()
		if length += len(texts[i]); length > maxCELText {
			return nil, errCELText
		}
	}
	return texts, nil
}

// The rest makes documentValue a CEL value that can do nothing but be passed on.

// ConvertToNative implements ref.Val.
func (d *documentValue) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("cannot convert a document to %s", t)
}

// ConvertToType implements ref.Val.
func (d *documentValue) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("cannot convert a document to %s", t.TypeName())
}

// Equal implements ref.Val.
func (d *documentValue) Equal(other ref.Val) ref.Val { return types.Bool(other == ref.Val(d)) }

// Type implements ref.Val.
func (d *documentValue) Type() ref.Type { return documentType }

// Value implements ref.Val.
func (d *documentValue) Value() any { return d.doc }
