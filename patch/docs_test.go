// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// docsFile explains every rule. Its examples are fenced blocks:
//
//	```yaml rule    the spec of a patch
//	```yaml vmi     the VMI (optional)
//	```xml before   the domain, or ```yaml before for user data
//	```xml after    what comes out, or ```yaml after
//	```text error   instead of after; without a before the patch is refused as it is
//
// A block of another tag is no part of an example.
const docsFile = "../docs/rules.md"

func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDocsNames checks that every field of a rule and every value of one is named.
func TestDocsNames(t *testing.T) {
	text := readDocs(t)
	var names []string
	for _, of := range []reflect.Type{reflect.TypeFor[bundle.DomainRule](), reflect.TypeFor[bundle.CloudInitRule](), reflect.TypeFor[bundle.Variable](), reflect.TypeFor[bundle.MatchCondition]()} {
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	for _, c := range constants(t, "bundle", `^(Op|Position|Expect|Target|UserData|NetworkData|MetaData|Fail|Ignore)`) {
		if value, err := strconv.Unquote(c.value); err == nil {
			names = append(names, value)
		}
	}
	if len(names) < 30 {
		t.Fatalf("found %d names alone: %q", len(names), names)
	}
	for _, name := range names {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s says nothing about `%s`", docsFile, name)
		}
	}
}

// limits are the engine's limits as docsFile writes them.
var limits = map[string]string{
	"bundle.MaxBytes":                fmt.Sprintf("%d KiB per bundle", bundle.MaxBytes>>10),
	"bundle.MaxPatches":              fmt.Sprintf("%d patches per VM", bundle.MaxPatches),
	"bundle.MaxRules":                fmt.Sprintf("%d rules per patch", bundle.MaxRules),
	"bundle.MaxPolicies":             fmt.Sprintf("%d policies per VM", bundle.MaxPolicies),
	"bundle.MaxAllowed":              fmt.Sprintf("%d paths per policy", bundle.MaxAllowed),
	"bundle.MaxPatchExpressionBytes": fmt.Sprintf("%d KiB of expressions per patch", bundle.MaxPatchExpressionBytes>>10),
	"bundle.MaxExpressionBytes":      fmt.Sprintf("%d KiB of expressions per bundle", bundle.MaxExpressionBytes>>10),
	"cloudinit.MaxBytes":             fmt.Sprintf("%d KiB of CloudInitData", cloudinit.MaxBytes>>10),
	"cloudinit.MaxGrowth":            fmt.Sprintf("%d KiB by which one document of it may grow", cloudinit.MaxGrowth>>10),
	"cloudinit.MaxValue":             fmt.Sprintf("%d KiB per value", cloudinit.MaxValue>>10),
	"cloudinit.MaxPath":              fmt.Sprintf("%d bytes per JSON Pointer", cloudinit.MaxPath),
	"cloudinit.MaxDepth":             fmt.Sprintf("%d levels of mappings and lists", cloudinit.MaxDepth),
	"cloudinit.MaxNodes":             fmt.Sprintf("%s values per document", thousands(cloudinit.MaxNodes)),
	"document.MaxBytes":              fmt.Sprintf("%d KiB of domain XML", document.MaxBytes>>10),
	"document.MaxGrowth":             fmt.Sprintf("%d KiB by which the domain may grow", document.MaxGrowth>>10),
	"document.MaxDepth":              fmt.Sprintf("%d levels of elements", document.MaxDepth),
	"document.MaxNodes":              fmt.Sprintf("%s elements, texts and comments", thousands(document.MaxNodes)),
	"document.MaxAttributes":         fmt.Sprintf("%d attributes per element", document.MaxAttributes),
	"selector.MaxPathBytes":          fmt.Sprintf("%d bytes per path", selector.MaxPathBytes),
	"selector.MaxDepth":              fmt.Sprintf("%d levels of predicates", selector.MaxDepth),
	"selector.MaxMatches":            fmt.Sprintf("%d matches per path", selector.MaxMatches),
	"selector.MaxSteps":              fmt.Sprintf("%s evaluation steps per rule", thousands(selector.MaxSteps)),
	"patch.MaxDuration":              fmt.Sprintf("%d seconds per call", int(MaxDuration.Seconds())),
	"patch.maxExpressionBytes":       fmt.Sprintf("%d bytes per expression", maxExpressionBytes),
	"patch.maxExpressionCost":        fmt.Sprintf("%s units of cost per evaluation", thousands(maxExpressionCost)),
	"patch.maxCELText":               fmt.Sprintf("%d KiB per text in an expression", maxCELText>>10),
	"patch.maxCELList":               fmt.Sprintf("%s elements per list in an expression", thousands(maxCELList)),
	"patch.maxCELValues":             fmt.Sprintf("%s values per list or map with what is in it", thousands(maxCELValues)),
	"patch.maxErrorText":             fmt.Sprintf("%d characters per error of CEL", maxErrorText),
	"patch.maxPatchCost":             fmt.Sprintf("%s units of cost per patch and call", thousands(maxPatchCost)),
	"patch.maxPatternBytes":          fmt.Sprintf("%d bytes per `pattern`", maxPatternBytes),
	"patch.maxPatternSize":           fmt.Sprintf("%s instructions per regular expression", thousands(maxPatternSize)),
	"patch.maxPatchPatterns":         fmt.Sprintf("%s instructions of regular expressions per patch", thousands(maxPatchPatterns)),
	"patch.maxMatchWork":             fmt.Sprintf("%d Mi instructions times bytes per match", maxMatchWork>>20),
	"patch.maxKeySteps":              fmt.Sprintf("%d steps per key", maxKeySteps),
	"patch.maxVMIBytes":              fmt.Sprintf("%d MiB of VMI", maxVMIBytes>>20),
}

// thousands writes a number of at most six digits with a comma.
func thousands(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }

// TestDocsLimits checks that every limit of the engine is in the documentation, with its value.
func TestDocsLimits(t *testing.T) {
	text := readDocs(t)
	for folder, pattern := range map[string]string{"bundle": "^Max", "cloudinit": "^Max", "document": "^Max", "selector": "^Max", ".": "^[mM]ax[A-Z]"} {
		found := constants(t, folder, pattern)
		if len(found) == 0 {
			t.Errorf("no limit found in %s", folder)
		}
		for _, c := range found {
			want, known := limits[c.name]
			switch {
			case !known:
				t.Errorf("the limit %s is new: add it to the table of this test and to %s", c.name, docsFile)
			case !strings.Contains(text, want):
				t.Errorf("%s does not say %q (%s)", docsFile, want, c.name)
			}
		}
	}
}

// constant is a constant of a package of the engine.
type constant struct{ name, value string }

// constants lists the constants of a folder whose names match.
func constants(t *testing.T, folder, pattern string) []constant {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var found []constant
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			decl, isDecl := n.(*ast.GenDecl)
			if !isDecl || decl.Tok != token.CONST {
				return true
			}
			for _, s := range decl.Specs {
				spec := s.(*ast.ValueSpec)
				if !regexp.MustCompile(pattern).MatchString(spec.Names[0].Name) {
					continue
				}
				c := constant{name: file.Name.Name + "." + spec.Names[0].Name}
				if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
					c.value = literal.Value
				}
				found = append(found, c)
			}
			return false
		})
	}
	return found
}

// section is the text below a heading, up to the next heading of any level.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", docsFile, heading)
	}
	before, _, _ := strings.Cut(rest, "\n#")
	return before
}

// rows are the cells of the tables in a text, without the rows of their heads.
func rows(text string) [][]string {
	var all [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "|"), "|") {
			cells = append(cells, strings.ReplaceAll(strings.TrimSpace(cell), "\x00", "|"))
		}
		all = append(all, cells)
		if strings.HasPrefix(cells[0], "---") {
			all = all[:len(all)-2]
		}
	}
	return all
}

// TestDocsErrors checks the table of errors against those that the cases and the examples
// want: each has a row, and each row an error.
func TestDocsErrors(t *testing.T) {
	text := readDocs(t)
	var wanted []string
	files, err := filepath.Glob("testdata/cases/*/want.err")
	if err != nil || len(files) == 0 {
		t.Fatal("no case fails", err)
	}
	for _, file := range files {
		lines, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wanted = append(wanted, strings.Split(strings.TrimSpace(string(lines)), "\n")...)
	}
	for _, e := range examples(t, text) {
		if e.expectsFailure {
			wanted = append(wanted, strings.Split(e.failure, "\n")...)
		}
	}
	used := map[string]bool{}
	table := rows(section(t, text, "## Errors"))
	for _, message := range wanted {
		explained := false
		for _, cells := range table {
			if matches(cells[0], message) {
				used[cells[0]], explained = true, true
			}
		}
		if !explained {
			t.Errorf("%s has no row for this error: %s", docsFile, message)
		}
	}
	for _, cells := range table {
		if !used[cells[0]] {
			t.Errorf("no case and no example gives this error of %s: %s", docsFile, cells[0])
		}
	}
}

// matches compares a message with a row's code, in which … stands for any text.
func matches(code, message string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Trim(code, "`")), "…", ".*")
	return regexp.MustCompile(pattern).MatchString(message)
}

var update = flag.Bool("update", false, "write the tables of patch/identity.go into "+docsFile)

// TestDocsIdentities compares what the documentation says that tells elements apart with the
// engine's tables.
func TestDocsIdentities(t *testing.T) {
	text := readDocs(t)
	want := withTable(t, text, "identities", identityTable())
	want = withTable(t, want, "singles", singlesTable())
	if *update {
		if err := os.WriteFile(docsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, want); diff != "" {
		t.Errorf("%s is not what patch/identity.go says; run go test ./patch -run Docs -update (-documented +engine):\n%s", docsFile, diff)
	}
}

// withTable puts a table into its place in the text, between the comment that names it and <!-- end -->.
func withTable(t *testing.T, text, name, table string) string {
	t.Helper()
	start := strings.Index(text, "<!-- "+name+":")
	if start < 0 {
		t.Fatalf("%s has no place for the table of %s", docsFile, name)
	}
	start += strings.Index(text[start:], "\n") + 1
	return text[:start] + table + text[start+strings.Index(text[start:], "<!-- end -->"):]
}

func identityTable() string {
	var b strings.Builder
	b.WriteString("| below | element | told apart by | libvirt's documentation | kept in KubeVirt's |\n|---|---|---|---|---|\n")
	for _, row := range identities {
		keys := make([]string, len(row.keys))
		for i, k := range row.keys {
			keys[i] = "`" + k.String() + "`"
			if k.isSingle() {
				keys[i] = "its name"
			}
		}
		by := strings.Join(keys, ", else ")
		if len(keys) == 0 {
			by = "nothing"
			if row.parent != "devices" {
				by = "nothing: a list"
			}
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", row.parent, row.element, by, row.libvirt, row.kubevirt)
	}
	return b.String()
}

func singlesTable() string {
	var b strings.Builder
	b.WriteString("| below | elements |\n|---|---|\n")
	for _, row := range singles {
		parent := "`" + row.parent + "`"
		if row.parent == "" {
			parent = "any device"
		}
		fmt.Fprintf(&b, "| %s | `%s` |\n", parent, strings.Join(row.elements, "`, `"))
	}
	return b.String()
}

// TestDocsDropped checks what the documentation says that KubeVirt keeps and drops.
func TestDocsDropped(t *testing.T) {
	table := rows(section(t, readDocs(t), "### What KubeVirt keeps"))
	if len(table) < 2 {
		t.Fatalf("the table has %d rows", len(table))
	}
	for _, cells := range table {
		for path := range strings.SplitSeq(cells[0], ",") {
			path = strings.Trim(path, " `")
			kept := keeps(path)
			if want := cells[1] == "kept"; kept != want {
				t.Errorf("%s: documented as %s, and KubeVirt keeps it: %t", path, cells[1], kept)
			}
		}
	}
}

// keeps says whether KubeVirt keeps what a path such as devices/disk/target/@bus names.
func keeps(path string) bool {
	e := schema.Domain()
	for step := range strings.SplitSeq(path, "/") {
		if name, isAttribute := strings.CutPrefix(step, "@"); isAttribute {
			return e.Keeps("", name)
		}
		namespace := ""
		if local, is := strings.CutPrefix(step, "qemu:"); is {
			namespace, step = document.QEMUNamespace, local
		}
		if e = e.Child(namespace, step); e == nil {
			return false
		}
	}
	return true
}
