// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
)

// TestIdentities: the engine tells no two elements apart by what only some releases keep. It would take an element
// that a release brought back without its key for another one, and add it twice.
func TestIdentities(t *testing.T) {
	data, err := os.ReadFile(typesFile)
	if err != nil {
		t.Fatal(err)
	}
	paths := 0
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "/domain/") || !strings.HasSuffix(line, fmt.Sprintf(" v1.%d\n", newest.minor())) {
			continue
		}
		paths++
		path, _, _ := strings.Cut(line, " ")
		checkNoIdentity(t, path)
	}
	if paths < 20 {
		t.Errorf("only %d paths in %s", paths, typesFile)
	}
}

// checkNoIdentity makes a domain that has nothing but what stands at the path, and asks for the identity of
// each element above it.
func checkNoIdentity(t *testing.T, path string) {
	t.Helper()
	steps := strings.Split(strings.TrimPrefix(path, "/"), "/")
	doc, err := document.Parse([]byte(elementAt(steps)))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	element := doc.Element()
	for i := 1; i < len(steps) && !strings.HasPrefix(steps[i], "@"); i++ {
		element = document.Elements(element)[0]
		below := strings.Join(steps[i+1:], "/")
		for _, identity := range patch.Identities(element) {
			if below != "" && slices.Contains(identity.Paths, below) {
				t.Errorf("%s tells %s apart, and not every release of KubeVirt keeps it", below, strings.Join(steps[:i+1], "/"))
			}
		}
	}
}

// elementAt is an element in XML, with those below it.
func elementAt(steps []string) string {
	if len(steps) == 1 {
		return fmt.Sprintf("<%[1]s>x</%[1]s>", steps[0])
	}
	if attribute, ok := strings.CutPrefix(steps[1], "@"); ok {
		return fmt.Sprintf("<%[1]s %[2]s='x'/>", steps[0], attribute)
	}
	return fmt.Sprintf("<%[1]s>%[2]s</%[1]s>", steps[0], elementAt(steps[1:]))
}
