// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository's folder, seen from this one.
const root = "../.."

// page is a file of Markdown.
type page struct {
	name   string // its path in the repository
	blocks []block
	prose  []string // its lines; those in blocks are empty
}

// block is a fenced block.
type block struct {
	line     int // of its first line in the page, from 1
	tag      string
	text     string
	comments map[string]string // above it, see the package's comment
}

// pages reads every page, in order of their names.
func pages(t *testing.T) []*page {
	t.Helper()
	names := []string{"ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "config/samples/README.md"}
	err := fs.WalkDir(os.DirFS(root), "docs", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".vitepress") {
			return fs.SkipDir
		}
		if filepath.Ext(name) == ".md" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 20 {
		t.Fatalf("%d pages, want at least 20: %v", len(names), names)
	}
	var all []*page
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parsePage(t, name, string(text)))
	}
	return all
}

var (
	fence   = regexp.MustCompile("^( *)```(.*)$")
	comment = regexp.MustCompile(`^ *<!-- *(not run|run|exit|file|from): *(.*?) *-->$`)
)

func parsePage(t *testing.T, name, text string) *page {
	t.Helper()
	p := &page{name: name}
	comments := map[string]string{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if m := comment.FindStringSubmatch(lines[i]); m != nil {
			comments[m[1]] = m[2]
			p.prose = append(p.prose, "")
			continue
		}
		m := fence.FindStringSubmatch(lines[i])
		if m == nil {
			if len(comments) > 0 {
				t.Errorf("%s:%d: a comment on commands is not right above a block", name, i)
				comments = map[string]string{}
			}
			p.prose = append(p.prose, lines[i])
			continue
		}
		b := block{line: i + 2, tag: m[2], comments: comments}
		comments = map[string]string{}
		start := i
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
			b.text += strings.TrimPrefix(lines[i], m[1]) + "\n"
		}
		p.prose = append(p.prose, make([]string, i+1-start)...)
		p.blocks = append(p.blocks, b)
	}
	return p
}

// headings gives the anchors of a page, as GitHub and the site make them.
func (p *page) headings() map[string]bool {
	anchors := map[string]bool{}
	for _, line := range p.prose {
		level := len(line) - len(strings.TrimLeft(line, "#"))
		if level == 0 || level > 6 || !strings.HasPrefix(line[level:], " ") {
			continue
		}
		anchors[slug(line[level:])] = true
	}
	return anchors
}

var (
	linkText    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	punctuation = regexp.MustCompile(`[^\p{L}\p{N}\p{M}_\- ]`)
)

// slug is what docs/.vitepress/links.mts has under this name.
func slug(heading string) string {
	heading = linkText.ReplaceAllString(strings.TrimSpace(heading), "$1")
	return strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}
