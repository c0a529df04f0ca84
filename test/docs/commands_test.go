// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docs

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// command is what stands behind "$ ", and what the page says that it prints.
type command struct {
	line int
	text string
	want string
	exit int
}

// commands takes a block of the tag console apart.
func (b block) commands() ([]command, error) {
	var all []command
	continued := false
	for i, line := range strings.SplitAfter(strings.TrimSuffix(b.text, "\n"), "\n") {
		text, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case isCommand:
			all = append(all, command{line: b.line + i, text: text})
		case len(all) == 0:
			return nil, errors.New("the block does not begin with a command")
		case continued:
			all[len(all)-1].text += line
		default:
			all[len(all)-1].want += line
		}
		continued = (isCommand || continued) && strings.HasSuffix(line, "\\\n")
	}
	for i := range all {
		all[i].want = strings.TrimSuffix(all[i].want, "\n")
	}
	if exit, ok := b.comments["exit"]; ok {
		code, err := strconv.Atoi(exit)
		if err != nil {
			return nil, err
		}
		all[len(all)-1].exit = code
	}
	return all, nil
}

// TestCommands runs the commands of all pages. Those that are not run are printed with the
// reasons.
func TestCommands(t *testing.T) {
	programs := buildPrograms(t)
	var skipped []string
	for _, p := range pages(t) {
		if !slices.ContainsFunc(p.blocks, func(b block) bool { return b.tag == "console" }) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			folder := newFolder(t, programs)
			defer folder.rewrite(t, p.name)
			for _, b := range p.blocks {
				if name, ok := b.comments["file"]; ok {
					folder.write(t, name, b.text)
				}
				if b.tag == "console" {
					skipped = append(skipped, folder.run(t, p.name, b)...)
				}
			}
		})
	}
	t.Logf("not run:\n%s", strings.Join(skipped, "\n"))
}

// update writes what the commands print into the pages. A "?" below a command asks for it.
var update = flag.Bool("update", false, "write what commands print into the pages")

// folder is where the commands of one page run.
type folder struct {
	path        string
	environment []string
	edits       map[int]edit // by the last line of the command
}

// edit is an output that a page must have in place of another.
type edit struct{ old, new string }

// rewrite puts what commands printed into their page.
func (f folder) rewrite(t *testing.T, page string) {
	t.Helper()
	if len(f.edits) == 0 {
		return
	}
	file := filepath.Join(root, page)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, line := range slices.Backward(slices.Sorted(maps.Keys(f.edits))) {
		e := f.edits[line]
		lines = slices.Replace(lines, line, line+1+strings.Count(e.old, "\n"), e.new)
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// newFolder makes the folder of a page.
func newFolder(t *testing.T, programs string) folder {
	t.Helper()
	f := folder{path: t.TempDir(), edits: map[int]edit{}}
	if err := os.CopyFS(filepath.Join(f.path, "config"), os.DirFS(filepath.Join(root, "config"))); err != nil {
		t.Fatal(err)
	}
	f.environment = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "NO_COLOR=1", "LC_ALL=C.UTF-8")
	return f
}

func (f folder) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(f.path, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o755)); err != nil {
		t.Fatal(err)
	}
}

// run runs the commands of a block, and gives a line per command that it does not run.
func (f folder) run(t *testing.T, page string, b block) (skipped []string) {
	t.Helper()
	commands, err := b.commands()
	if err != nil {
		t.Fatalf("%s:%d: %v", page, b.line, err)
	}
	reason := b.comments["not run"]
	environment := f.environment
	where := b.comments["run"]
	if where != "" && where != "cluster" {
		t.Fatalf("%s:%d: run: %q is not known", page, b.line, where)
	}
	if where == "cluster" && reason == "" {
		kubeconfig, absent := theCluster(t)
		reason, environment = absent, append(slices.Clone(environment), "KUBECONFIG="+kubeconfig)
	}
	for _, c := range commands {
		if reason != "" {
			skipped = append(skipped, fmt.Sprintf("%s:%d: %s (%s)", page, c.line, firstLine(c.text), reason))
			continue
		}
		out, code := f.shell(t.Context(), c.text, environment)
		if code != c.exit {
			t.Fatalf("%s:%d: %s\nexit code %d, want %d\n%s", page, c.line, c.text, code, c.exit, out)
		}
		if c.want == "" || prints(c.want, out) {
			continue
		}
		if *update {
			f.edits[c.line+strings.Count(strings.TrimSuffix(c.text, "\n"), "\n")] = edit{old: c.want, new: strings.TrimRight(out, "\n")}
		} else {
			t.Errorf("%s:%d: %s (-page +printed):\n%s", page, c.line, c.text, cmp.Diff(c.want, strings.TrimSuffix(out, "\n")))
		}
	}
	return skipped
}

// goRun is how the pages run the CLI in a clone. It was built already.
const goRun = "go run ./cmd/kubectl-domainpatch"

func (f folder) shell(ctx context.Context, text string, environment []string) (out string, code int) {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(text, goRun, "kubectl-domainpatch"))
	cmd.Dir, cmd.Env = f.path, environment
	printed, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return string(printed), cmd.ProcessState.ExitCode()
}

func firstLine(text string) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if more {
		line += " ..."
	}
	return line
}

var (
	times = regexp.MustCompile(`\b[0-9]+(\.[0-9]+)?m?s\b`)
	ages  = regexp.MustCompile(`  +`)
)

// prints tells whether a command's output is what the page says, see the package's comment.
func prints(want, got string) bool {
	plain := func(text string) string {
		return ages.ReplaceAllString(times.ReplaceAllString(strings.TrimRight(text, "\n"), "TIME"), "  ")
	}
	pattern := regexp.QuoteMeta(plain(want))
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	pattern = regexp.MustCompile(`(?m)^ *\\\.\\\.\\\.$\n?`).ReplaceAllString(pattern, "(?:.*(?:\n|$$))*")
	matched, err := regexp.MatchString(`\A(?:`+pattern+`)\z`, plain(got))
	return err == nil && matched
}

// buildPrograms gives a folder with the CLI and a kubectl, for PATH. Where kubectl was not
// built, there is one that knows our plugin alone.
func buildPrograms(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(folder, "kubectl-domainpatch"), "./cmd/kubectl-domainpatch")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the CLI: %v\n%s", err, out)
	}
	script := "#!/bin/sh\n[ \"$1\" = domainpatch ] && shift && exec kubectl-domainpatch \"$@\"\necho 'there is no kubectl: run make controlplane' >&2\nexit 1\n"
	if kubectl, ok := findKubectl(); ok {
		script = fmt.Sprintf("#!/bin/sh\nexec %s \"$@\"\n", kubectl)
	}
	if err := os.WriteFile(filepath.Join(folder, "kubectl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// findKubectl gives the kubectl that make controlplane builds, if it is there.
func findKubectl() (string, bool) {
	for _, folder := range []string{os.Getenv("KUBEBUILDER_ASSETS"), filepath.Join(root, "bin", "controlplane")} {
		file, err := filepath.Abs(filepath.Join(folder, "kubectl"))
		if err != nil || folder == "" {
			continue
		}
		if _, err := os.Stat(file); err == nil {
			return file, true
		}
	}
	return "", false
}

// TestPrints checks what counts as the output that a page shows.
func TestPrints(t *testing.T) {
	for name, c := range map[string]struct {
		want, got string
		same      bool
	}{
		"the same":              {"a\nb", "a\nb\n", true},
		"another line":          {"a\nb", "a\nc\n", false},
		"one more line":         {"a", "a\nb\n", false},
		"lines left out":        {"a\n...\nd", "a\nb\nc\nd\n", true},
		"none left out":         {"a\n...\nd", "a\nd\n", true},
		"lines left out behind": {"a\n...", "a\nb\nc\n", true},
		"another last line":     {"a\n...\nd", "a\nb\n", false},
		"text left out":         {"a … c", "a b c\n", true},
		"not over lines":        {"a … c", "a b\nb c\n", false},
		"another time":          {"ok 0.01s", "ok 12.5s\n", true},
		"another word":          {"ok 0.01s", "no 0.01s\n", false},
		"other columns":         {"NAME  AGE\na     5s", "NAME    AGE\na       12s\n", true},
		"dots within a line":    {"a...", "abcd\n", false},
		"brackets":              {"spec.domain[0]", "spec.domain[0]\n", true},
	} {
		if got := prints(c.want, c.got); got != c.same {
			t.Errorf("%s: %v, want %v", name, got, c.same)
		}
	}
}
