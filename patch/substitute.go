// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/types/ref"
)

// A template is a text in which $(NAME) stands for the value of a variable, and $$( for
// the two characters $(. Templates are what attribute values and texts of a fragment,
// quoted strings of a path and strings of a cloud-init value hold once these have been
// parsed: a value becomes a part of such a text, never markup or syntax.

// isTemplate tells whether a text has anything to expand.
func isTemplate(text string) bool { return strings.Contains(text, "$(") }

// checkTemplate refuses references to anything else than the named variables.
func checkTemplate(text string, variables []string) error {
	_, err := expandTemplate(text, func(name string) (string, error) {
		if !slices.Contains(variables, name) {
			return "", fmt.Errorf("$(%s): no variable of that name is defined in spec.variables", name)
		}
		return "", nil
	})
	return err
}

// expand puts the values of the patch's variables into a template. A variable must hold
// text, a number or a bool: null and anything structured is an error.
func (in *input) expand(text string) (string, error) {
	return expandTemplate(text, func(name string) (string, error) {
		value, ok := in.variables[name].(ref.Val)
		if !ok {
			return "", fmt.Errorf("$(%s): the variable has no value", name)
		}
		inserted, ok, err := textOf(value)
		if err != nil {
			return "", fmt.Errorf("$(%s) %w", name, err)
		}
		if !ok {
			return "", fmt.Errorf("$(%s): the variable is null: skip the rule by when, or give the variable a default", name)
		}
		return inserted, nil
	})
}

// expandTemplate replaces every reference by what value gives for its name.
func expandTemplate(text string, value func(name string) (string, error)) (string, error) {
	var b strings.Builder
	rest := text
	for {
		before, after, found := strings.Cut(rest, "$(")
		if !found {
			b.WriteString(rest)
			return b.String(), nil
		}
		if literal, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(literal + "$(")
			rest = after
			continue
		}
		name, behind, closed := strings.Cut(after, ")")
		if !closed || !variableName().MatchString(name) {
			return "", fmt.Errorf("$( at byte %d is not followed by the name of a variable and ): write $$( for the two characters themselves", len(text)-len(after)-2)
		}
		inserted, err := value(name)
		if err != nil {
			return "", err
		}
		if b.Len()+len(before)+len(inserted) > maxCELText {
			return "", fmt.Errorf("the text would have more than %d bytes with the values of its variables", maxCELText)
		}
		b.WriteString(before + inserted)
		rest = behind
	}
}
