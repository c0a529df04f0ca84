// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// secret stands for a value that the readers of the log may not know.
const secret = "S3CRET"

// leak is a call whose input holds the secret where an error or a report could take it up.
type leak struct {
	reason    string
	domain    bundle.DomainRule // setVendor by default
	cloudInit bundle.CloudInitRule
	data      string // the CloudInitData; a call of PreCloudInitIso if it is given, else of OnDefineDomain
	doc       string // plainDomain by default
	then      string // the domain of a second call, which is a repeat
	vmi       string // one with the secret as an annotation by default
	change    func(*bundle.Bundle)
	never     bool // not even at level debug
	answered  bool // no error: the report could tell
}

// userData is CloudInitData around a #cloud-config or a MIME message.
func userData(text string) string {
	data, _ := json.Marshal(map[string]string{"UserData": text}) // a map of texts has no errors
	return string(data)
}

func config(text string) string { return userData("#cloud-config\n" + text) }

func mimeMessage(header, body string) string {
	return userData("MIME-Version: 1.0\n" + header + "\n\n" + body)
}

func calc(expression string) bundle.DomainRule {
	return bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/smbios/@mode", Expression: expression}
}

func first(b *bundle.Bundle) *bundle.Patch { return &b.Patches[0] }

func ignored(b *bundle.Bundle) { first(b).FailurePolicy = bundle.Ignore }

const annotation = "vmi.metadata.annotations['key']"

// leaks are the ways that values could take, one at least for every kind of text from outside.
var leaks = map[string]leak{
	"YAMLAnchor":      {reason: "yaml.v3 names it", data: config("password: *" + secret)},
	"YAMLAnchorTwice": {reason: "we name it", data: config("a: &" + secret + " 1\nb: &" + secret + " 2")},
	"YAMLTag":         {reason: "of a scalar", data: config("a: !" + secret + " x")},
	"YAMLTagOfList":   {reason: "of a collection", data: config("a: !" + secret + " [x]")},
	"YAMLKey":         {reason: "a key", data: config(secret + ": 1\n" + secret + ": 2")},
	"MIMEBoundary":    {reason: "no line is it", data: mimeMessage("Content-Type: multipart/mixed; boundary="+secret, "")},
	"MIMEEnd":         {reason: "no line is the last", data: mimeMessage("Content-Type: multipart/mixed; boundary="+secret, "--"+secret+"\n\n")},
	"MIMEType":        {reason: "of the whole", data: mimeMessage("Content-Type: text/"+secret, "")},
	"MIMENoBoundary":  {reason: "likewise", data: mimeMessage("Content-Type: multipart/"+secret, "")},
	"MIMEPartType":    {reason: "of a part", data: mimeMessage("Content-Type: multipart/mixed; boundary=b", "--b\nContent-Type: text/"+secret+"\n\n\n--b--\n")},
	"MIMENested":      {reason: "of a part with parts", data: mimeMessage("Content-Type: multipart/mixed; boundary=b", "--b\nContent-Type: multipart/"+secret+"\n\n\n--b--\n")},
	"MIMEField":       {reason: "names of fields are not told", never: true, data: mimeMessage("Content-Type: multipart/mixed; boundary=b", "--b\n"+secret+" x\n\n\n--b--\n")},
	"MIMEEncoding":    {reason: "a value", data: mimeMessage("Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: "+secret, "")},
	"JSONMember":      {reason: "a name", data: `{"` + secret + `":1,"` + secret + `":2}`},
	"JSONSyntax":      {reason: "encoding/json quotes one character", never: true, data: `{"UserData":` + secret + `}`},
	"JSONValue":       {reason: "and a type", never: true, data: `"` + secret + `"`},
	"JSONofVMI":       {reason: "likewise", never: true, vmi: `{"metadata":` + secret + `}`},

	"CELKey":         {reason: "CEL names it", domain: calc("{'a': 'b'}[" + annotation + "]")},
	"CELKeyOfDomain": {reason: "likewise", domain: calc("{'a': 'b'}[xpath('/domain/title')[0]]"), doc: inDomain("<title>" + secret + "</title>")},
	"CELWhen":        {reason: "likewise", domain: bundle.DomainRule{Op: bundle.OpRemove, Path: "//disk", When: "{'a': true}[" + annotation + "]"}},
	"CELConversion":  {reason: "CEL tells the types alone", never: true, domain: calc("string(int(" + annotation + "))")},
	"CELCondition": {reason: "of a matchCondition", change: func(b *bundle.Bundle) {
		first(b).MatchConditions = []bundle.MatchCondition{{Name: "c", Expression: "{'a': true}[" + annotation + "]"}}
	}},
	"CELVariable": {reason: "of a variable", change: func(b *bundle.Bundle) {
		first(b).Variables = []bundle.Variable{{Name: "v", Expression: "{'a': 'b'}[" + annotation + "]"}}
	}},
	"CELCloudInit": {reason: "of the other hook", cloudInit: bundle.CloudInitRule{Target: "userData", Op: "add", Path: "/a", Expression: "{'a': 'b'}[" + annotation + "]"}, data: plainData},
	"Pattern": {reason: "a value", change: func(b *bundle.Bundle) {
		first(b).Variables = []bundle.Variable{{Name: "v", Expression: annotation, Pattern: "[a-z]"}}
	}},
	"XPathOfVMI":     {reason: "the path is a value", domain: calc("xpath('//' + " + annotation + " + '[')[0]")},
	"XPathAxis":      {reason: "its errors name parts of it", domain: calc("xpath('/domain/' + " + annotation + " + '::a')[0]")},
	"XPathMatches":   {reason: "a limit", domain: calc("xpath('//' + " + annotation + ")[0]"), doc: inDomain(strings.Repeat("<"+secret+"/>", 257))},
	"Alias":          {reason: "a value", domain: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/devices/disk[1]/alias/@name", Expression: annotation}},
	"KubeVirtCannot": {reason: "a value of a wrong type", domain: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/vcpu", Expression: annotation}},
	"PolicyDenial":   {reason: "it names the place alone", never: true, domain: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/title", Expression: annotation + " + 'x'"}, doc: inDomain("<title>" + secret + "</title>"), change: func(b *bundle.Bundle) { b.Policies = []bundle.Policy{{Name: "p", Allow: []string{"//disk"}}} }},
	"Ignored":        {reason: "the report tells", domain: calc("{'a': 'b'}[" + annotation + "]"), change: ignored, answered: true},
	"IgnoredPrefix":  {reason: "likewise", domain: calc("xpath('//' + " + annotation + " + '[')[0]"), change: ignored, answered: true},
	"RepeatReport":   {reason: "the report of a rule tells", domain: calc("{'a': 'b'}[xpath('/domain/title')[0]]"), doc: inDomain("<title>a</title>"), then: inDomain("<title>" + secret + "</title>"), answered: true},
	"ComputedPlace":  {reason: "keys of an expression", cloudInit: bundle.CloudInitRule{Target: "userData", Op: "merge", Path: "", Expression: mergeKey("1")}, data: plainData, change: func(b *bundle.Bundle) { b.Patches = append(b.Patches, mergingToo(b.Patches[0])) }, answered: true},

	"XMLReference":       {reason: "a name", doc: inDomain("&" + secret + ";")},
	"XMLNoValue":         {reason: "an attribute", doc: "<domain " + secret + "/>"},
	"XMLTwice":           {reason: "an attribute", doc: "<domain " + secret + "='' " + secret + "=''/>"},
	"XMLEndTag":          {reason: "an element", doc: inDomain("</" + secret + ">")},
	"XMLUnclosed":        {reason: "an element", doc: "<" + secret + ">"},
	"XMLUnclosedTag":     {reason: "an element", doc: "<" + secret},
	"XMLNoSpace":         {reason: "an element", doc: "<" + secret + " a=''b=''/>"},
	"XMLManyAttributes":  {reason: "an element", doc: "<" + secret + attributes(257) + "/>"},
	"XMLPrefix":          {reason: "of an element", doc: inDomain("<" + secret + ":x/>")},
	"XMLAttributePrefix": {reason: "of an attribute", doc: inDomain("<x " + secret + ":x=''/>")},
	"XMLEmptyNamespace":  {reason: "a prefix", doc: inDomain("<x xmlns:" + secret + "=''/>")},
	"XMLEncoding":        {reason: "a value", doc: `<?xml version="1.0" encoding="` + secret + `"?><domain/>`},
	"XMLRoot":            {reason: "an element", doc: "<" + secret + "/>"},
}

// mergeKey is an expression for a mapping whose key is a value of the VMI.
func mergeKey(value string) string { return "{" + annotation + ": " + value + "}" }

// mergingToo is a second patch that overrides what the first one merged.
func mergingToo(p bundle.Patch) bundle.Patch {
	p.Name = "later"
	p.CloudInit = []bundle.CloudInitRule{{Target: "userData", Op: "merge", Expression: mergeKey("2")}}
	return p
}

// call makes the call or calls of a leak, and gives the last error.
func (l leak) call(t *testing.T, log *slog.Logger) error {
	p := failing(setVendor(), setHostname())
	if l.domain.Op != "" {
		p.Domain = []bundle.DomainRule{l.domain}
	}
	if p.CloudInit = nil; l.data != "" {
		p.CloudInit = []bundle.CloudInitRule{setHostname()}
	}
	if l.cloudInit.Op != "" {
		p.CloudInit = []bundle.CloudInitRule{l.cloudInit}
	}
	b := &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}}
	if l.change != nil {
		l.change(b)
	}
	program, err := patch.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	vmi, doc := []byte(`{"metadata":{"annotations":{"key":"`+secret+`"}}}`), plainDomain
	if l.vmi != "" {
		vmi = []byte(l.vmi)
	}
	if l.doc != "" {
		doc = l.doc
	}
	core := NewCore(program, false, log)
	if l.data != "" {
		_, err = core.PreCloudInitIso(t.Context(), []byte(l.data), vmi, Boot)
		return err
	}
	_, err = core.OnDefineDomain(t.Context(), []byte(doc), vmi, Boot)
	if l.then != "" && err == nil {
		_, err = core.OnDefineDomain(t.Context(), []byte(l.then), vmi, Boot)
	}
	return err
}

// TestLogHoldsNoValues: who reads the log may not read the VMI, whose owner reads all of the error.
func TestLogHoldsNoValues(t *testing.T) {
	for name, tc := range leaks {
		t.Run(name, func(t *testing.T) {
			for level, want := range map[slog.Level]bool{slog.LevelInfo: false, slog.LevelDebug: !tc.never} {
				log, lines := logAt(level)
				err := tc.call(t, log)
				if (err == nil) != tc.answered {
					t.Fatalf("error %v, want none: %v", err, tc.answered)
				}
				if err != nil && containsSecret(err.Error()) == tc.never {
					t.Errorf("the error holds the value: %v, want the opposite: %v", tc.never, err)
				}
				if got := containsSecret(lines.String()); got != want {
					t.Errorf("the log at %s holds the value: %v, want %v: %s\n%s", level, got, want, tc.reason, lines)
				}
				if tc.then != "" && !strings.Contains(lines.String(), `"repeat":true`) {
					t.Errorf("the second call is no repeat:\n%s", lines)
				}
			}
		})
	}
}

// containsSecret ignores the case: cloud-init does where MIME does.
func containsSecret(text string) bool { return strings.Contains(strings.ToUpper(text), secret) }

// TestLogOfABundle: the line about a bundle is no longer than others, and quotes no more.
func TestLogOfABundle(t *testing.T) {
	bad := smbios()
	bad.Domain[0].Op = secret
	quoting, _ := writeBundle(t, bad)
	for name, path := range map[string]string{"Long": "/" + strings.Repeat("x", 60<<10), "Quoting": quoting, "Control": strings.Repeat("\x01\u202e", 10<<10)} {
		t.Run(name, func(t *testing.T) {
			server := startBundle(t, Config{Bundle: path})
			lines := server.log.String()
			if !strings.Contains(lines, "the bundle cannot be used") || containsSecret(lines) {
				t.Errorf("the log does not tell of the bundle, or quotes it:\n%.3000s", lines)
			}
			checkLines(t, lines)
		})
	}
}

// checkLines refuses lines that container runtimes split, and those that show otherwise than they are.
func checkLines(t *testing.T, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		if len(line) > 16<<10 {
			t.Errorf("a line has %d bytes", len(line))
		}
		if text := strings.TrimSuffix(line, "\n"); strings.ContainsFunc(text, steers) || strings.Contains(text, `\u00`) {
			t.Errorf("a line holds control characters or marks:\n%.3000q", text)
		}
	}
}

// TestLogLineOfManyKeys: ten errors that are short, and long in JSON.
func TestLogLineOfManyKeys(t *testing.T) {
	b := &bundle.Bundle{FormatVersion: bundle.FormatVersion}
	for i := range 10 {
		p := failing(calc("{'a': 'b'}["+annotation+"]"), setHostname())
		p.Name, p.FailurePolicy, p.CloudInit = fmt.Sprintf("p%d", i), bundle.Ignore, nil
		b.Patches = append(b.Patches, p)
	}
	program, err := patch.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	log, lines := logAt(slog.LevelInfo)
	vmi := `{"metadata":{"annotations":{"key":"` + strings.Repeat(`\u0001`, 4000) + `"}}}`
	if _, err := NewCore(program, false, log).OnDefineDomain(t.Context(), []byte(plainDomain), []byte(vmi), Boot); err != nil {
		t.Fatal(err)
	}
	checkLines(t, lines.String())
}

// hostile are characters that a line must not take as they are, or that take more in JSON.
var hostile = []string{"\x01", "\n", `"`, `\`, "`", "\u202e", "\u2028", "\xff", "ä", "a", " ", "\U0001f600", "\x7f"}

// hostileText is a text of at most so many bytes and a character.
func hostileText(random *rand.Rand, alphabet []string, most int) string {
	var b strings.Builder
	for length := random.IntN(most + 1); b.Len() < length; {
		b.WriteString(alphabet[random.IntN(len(alphabet))])
	}
	return b.String()
}

func hostileReport(random *rand.Rand, alphabet []string) *patch.Report {
	report := &patch.Report{}
	for range random.IntN(65) {
		p := patch.PatchReport{Patch: "DomainPatch " + strings.Repeat("n", random.IntN(317)), Outcome: patch.Ignored, Reason: hostileText(random, alphabet, 2000)}
		for range random.IntN(10) {
			p.Rules = append(p.Rules, patch.RuleReport{Field: "spec.cloudInit[63]", Name: strings.Repeat("n", random.IntN(64)), Op: "replace", Outcome: patch.Applied,
				Reason: hostileText(random, alphabet, 200), Overrides: []patch.Override{{Patch: "DomainPatch a/b", Place: hostileText(random, alphabet, 200), Nodes: 256}}})
		}
		report.Patches = append(report.Patches, p)
	}
	return report
}

func TestLogLinesOfHostileTexts(t *testing.T) {
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 1))
		alphabet := hostile
		if i := random.IntN(2 * len(hostile)); i < len(hostile) {
			alphabet = hostile[i : i+1]
		}
		report, failure := hostileReport(random, alphabet), errors.New(hostileText(random, alphabet, 60<<10))
		engine := &fakeEngine{domain: func(context.Context, []byte, []byte, *patch.Report) ([]byte, *patch.Report, error) {
			return nil, report, failure
		}}
		log, lines := logAt(slog.LevelInfo)
		if _, err := NewCore(engine, false, log).OnDefineDomain(t.Context(), []byte(plainDomain), anyVMI, Boot); err == nil {
			t.Fatal("no error")
		}
		checkLines(t, lines.String())
		if !json.Valid([]byte(lines.String())) {
			t.Errorf("not JSON: %.3000s", lines)
		}
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}
