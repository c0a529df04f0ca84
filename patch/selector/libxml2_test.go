// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

var (
	pathCount = flag.Int("paths", 6000, "how many random paths TestLibxml2 compares with libxml2, and half as many conditions")
	pathSeed  = flag.Uint64("seed", 1, "where TestLibxml2 starts its random numbers")
)

// specimen is a document as we and libxml2 see it.
type specimen struct {
	file  string
	doc   *document.Document
	nodes []selector.Node // all of them, in document order
	rank  map[selector.Node]int
	place map[selector.Node]string // a path of libxml2's that selects the node alone
}

func newSpecimen(t *testing.T, file string) *specimen {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &specimen{file: file, rank: map[selector.Node]int{}, place: map[selector.Node]string{}}
	if s.doc, err = document.Parse(src); err != nil {
		t.Fatal(err)
	}
	root := selector.Node{Node: s.doc.Root(), Attr: -1}
	s.rank[root], s.place[root] = -1, "/"
	s.addChildren(s.doc.Root(), "")
	return s
}

func (s *specimen) add(n selector.Node, place string) {
	s.rank[n], s.place[n] = len(s.nodes), place
	s.nodes = append(s.nodes, n)
}

func (s *specimen) addChildren(parent *xmlquery.Node, above string) {
	elements, texts := 0, 0
	for c := parent.FirstChild; c != nil; c = c.NextSibling {
		n := selector.Node{Node: c, Attr: -1}
		switch c.Type {
		case xmlquery.ElementNode:
			elements++
			place := fmt.Sprintf("%s/*[%d]", above, elements)
			s.add(n, place)
			attributes := 0
			for i := range c.Attr {
				if !document.IsDeclaration(&c.Attr[i]) {
					attributes++
					s.add(selector.Node{Node: c, Attr: i}, fmt.Sprintf("%s/@*[%d]", place, attributes))
				}
			}
			s.addChildren(c, place)
		case xmlquery.TextNode:
			texts++
			s.add(n, fmt.Sprintf("%s/text()[%d]", above, texts))
		}
	}
}

// question is an expression for libxml2, and what it must answer.
type question struct {
	source       string // the path or the condition
	expression   string
	want, detail string
}

// prefixed is a name test with a prefix, or a quoted string, which may look like one.
var prefixed = regexp.MustCompile(`'[^']*'|"[^"]*"|(qemu|kubevirt):([A-Za-z0-9_-]+|\*)`)

// spelled writes a path without prefixes, of which xmllint knows none.
func spelled(path string) string {
	return prefixed.ReplaceAllStringFunc(path, func(found string) string {
		prefix, local, isName := strings.Cut(found, ":")
		if !isName || strings.ContainsAny(found[:1], `'"`) {
			return found
		}
		uri := map[string]string{"qemu": document.QEMUNamespace, "kubevirt": document.KubeVirtNamespace}[prefix]
		if local == "*" {
			return "*[namespace-uri()='" + uri + "']"
		}
		return "*[local-name()='" + local + "' and namespace-uri()='" + uri + "']"
	})
}

// tally counts what the comparison saw.
type tally struct{ paths, conditions, selecting, nodes, over, budget, refused, differences int }

// askPath compares a path: the number of nodes, the set, and node by node the order.
func (s *specimen) askPath(t *testing.T, path string, seen *tally) (question, bool) {
	t.Helper()
	p, err := selector.Compile(path)
	if err != nil {
		if !beyondLimits(err) {
			t.Errorf("the generator made a path that is refused: %s: %v", path, err)
		}
		seen.refused++
		return question{}, false
	}
	nodes, err := p.Select(s.doc, &selector.Budget{})
	seen.paths++
	oracle := spelled(path)
	q := question{source: path, detail: fmt.Sprint(len(nodes))}
	switch {
	case errors.Is(err, selector.ErrMatches):
		seen.over++
		q.expression, q.want = fmt.Sprintf("count(%s) > %d", oracle, selector.MaxMatches), "true"
	case errors.Is(err, selector.ErrBudget):
		seen.budget++
		return q, false
	case err != nil:
		t.Errorf("%s: %s: %v", s.file, path, err)
		return q, false
	case len(nodes) == 0:
		q.expression, q.want = "count("+oracle+")", "0"
	default:
		seen.selecting++
		seen.nodes += len(nodes)
		q.expression, q.want = s.same(oracle, nodes)
	}
	for i := 1; i < len(nodes); i++ {
		if s.rank[nodes[i-1]] >= s.rank[nodes[i]] {
			t.Errorf("%s: %s: not in document order: %s before %s", s.file, path, s.place[nodes[i-1]], s.place[nodes[i]])
		}
	}
	return q, true
}

// same asks whether a path selects exactly some nodes, in their order. The order of a long
// list is asked for at its ends; askPath holds the rest against the document. The short form
// (path)[1] is not used: libxml2 2.9 takes a short cut there that misses the order of //x[last()].
func (s *specimen) same(oracle string, nodes []selector.Node) (expression, want string) {
	var places []string
	for _, n := range nodes {
		places = append(places, s.place[n])
	}
	union := strings.Join(places, "|")
	expression = fmt.Sprintf("concat(count(%[1]s),' ',count(%[1]s|%[2]s)", oracle, union)
	want = fmt.Sprintf("%d %d", len(nodes), len(nodes))
	for i, place := range places {
		if i < 5 || i == len(places)-1 {
			expression += fmt.Sprintf(",' ',count((%s)[position()=%d]|%s)", oracle, i+1, place)
			want += " 1"
		}
	}
	return expression + ")", want
}

func beyondLimits(err error) bool {
	return strings.Contains(err.Error(), "over the limit") || strings.Contains(err.Error(), "nest deeper")
}

// askCondition compares a condition of op test.
func (s *specimen) askCondition(t *testing.T, source string, seen *tally) (question, bool) {
	t.Helper()
	test, err := selector.CompileTest(source)
	if err != nil {
		if !beyondLimits(err) {
			t.Errorf("the generator made a condition that is refused: %s: %v", source, err)
		}
		seen.refused++
		return question{}, false
	}
	holds, err := test.Eval(s.doc, &selector.Budget{})
	seen.conditions++
	if errors.Is(err, selector.ErrBudget) {
		seen.budget++
		return question{}, false
	}
	if err != nil {
		t.Errorf("%s: %s: %v", s.file, source, err)
		return question{}, false
	}
	return question{source: source, expression: "boolean(" + spelled(source) + ")", want: fmt.Sprint(holds)}, true
}

// batchBytes is how long the questions of one run of xmllint may be together: a single
// argument of a program ends at 128 KiB.
const batchBytes = 100_000

// check puts the questions to xmllint, many at a time.
func (s *specimen) check(t *testing.T, xmllint string, questions []question, seen *tally) {
	t.Helper()
	for len(questions) > 0 {
		n, size := 0, 0
		for n < len(questions) && (n == 0 || size+len(questions[n].expression) < batchBytes) {
			size += len(questions[n].expression) + 8
			n++
		}
		answers, err := s.answers(xmllint, questions[:n])
		if err != nil && n > 1 { // one of them alone is at fault
			s.check(t, xmllint, questions[:n/2], seen)
			s.check(t, xmllint, questions[n/2:n], seen)
		} else if err != nil {
			t.Errorf("%s: %s: libxml2 says %v", s.file, questions[0].source, err)
		}
		for i, answer := range answers {
			if q := questions[i]; answer != q.want {
				seen.differences++
				t.Errorf("%s: %s: libxml2 answers %q instead of %q (%s)", s.file, q.source, answer, q.want, q.detail)
			}
		}
		questions = questions[n:]
	}
}

func (s *specimen) answers(xmllint string, questions []question) ([]string, error) {
	var all []string
	for _, q := range questions {
		all = append(all, q.expression)
	}
	expression := "concat('',''," + strings.Join(all, ",'\n',") + ")"
	out, err := exec.Command(xmllint, "--nocdata", "--xpath", expression, s.file).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %.300s", err, out)
	}
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(answers) != len(questions) {
		return nil, fmt.Errorf("%d answers to %d questions: %.300s", len(answers), len(questions), out)
	}
	return answers, nil
}

// constructs are parts of paths that a run must have seen often.
var constructs = []string{"//", "/..", "*", "@*", "text()", "last()", "position()", "count(", "contains(", "starts-with(", "string-length(", "normalize-space(", "name(",
	"local-name(", "true()", "false()", "not(", " and ", " or ", "|", "following-sibling::", "preceding-sibling::", "parent::", "self::", "child::", "attribute::",
	"qemu:", "!=", "<", ">=", "-", "+", "[1]", "]["}

// TestLibxml2 compares random paths and conditions with libxml2, on KubeVirt's domains and on
// a document of all that XML has.
func TestLibxml2(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatalf("xmllint is missing, by which libxml2 judges paths: install the Debian package libxml2-utils (%v)", err)
	}
	files, err := filepath.Glob("../testdata/domains/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no domains: %v", err)
	}
	files = append(files, "testdata/mixed.xml", "testdata/mixed.xml", "testdata/mixed.xml") // as much weight as several of the others
	var seen tally
	used := map[string]int{}
	for i, file := range files {
		s := newSpecimen(t, file)
		g := newGenerator(rand.New(rand.NewPCG(*pathSeed, uint64(i))), s.nodes)
		share := *pathCount/len(files) + 1
		var questions []question
		for range share {
			path := g.union()
			for _, c := range constructs {
				if strings.Contains(path, c) {
					used[c]++
				}
			}
			if q, ok := s.askPath(t, path, &seen); ok {
				questions = append(questions, q)
			}
		}
		for range share / 2 {
			if q, ok := s.askCondition(t, g.test(), &seen); ok {
				questions = append(questions, q)
			}
		}
		s.check(t, xmllint, questions, &seen)
	}
	for _, c := range constructs {
		if used[c] < *pathCount/500 {
			t.Errorf("only %d of %d paths have %s", used[c], seen.paths, c)
		}
	}
	if seen.selecting < seen.paths/3 || seen.budget > seen.paths/100 {
		t.Errorf("only %d of %d paths select anything, %d go over the budget", seen.selecting, seen.paths, seen.budget)
	}
	t.Logf("seed %d: %d paths and %d conditions on %d documents; %d paths select something, %d nodes together; %d select too many, %d go over the budget, %d were too long or too deep; %d differ from libxml2",
		*pathSeed, seen.paths, seen.conditions, len(files), seen.selecting, seen.nodes, seen.over, seen.budget, seen.refused, seen.differences)
}
