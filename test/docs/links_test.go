// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	codeSpan = regexp.MustCompile("`[^`]*`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// TestLinks checks that links within the repository lead to a file, and to a heading of it, as
// GitHub shows the pages. The links of the site are checked by make docs.
func TestLinks(t *testing.T) {
	all := pages(t)
	anchors := map[string]map[string]bool{}
	for _, p := range all {
		anchors[p.name] = p.headings()
	}
	found := 0
	for _, p := range all {
		for i, line := range p.prose {
			code := func(span string) string { return strings.Repeat("x", len(span)) }
			for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllStringFunc(line, code), -1) {
				found++
				if reason := follow(p.name, m[1], anchors); reason != "" {
					t.Errorf("%s:%d: %s: %s", p.name, i+1, m[1], reason)
				}
			}
		}
	}
	if found < 120 {
		t.Errorf("found %d links, want at least 120", found)
	}
}

// follow says why a link of a page leads nowhere, and nothing if it does not.
func follow(from, link string, anchors map[string]map[string]bool) string {
	if strings.Contains(link, "://") {
		return ""
	}
	target, anchor, _ := strings.Cut(link, "#")
	name := from
	if target != "" {
		name = path.Join(path.Dir(from), target)
	}
	if strings.HasPrefix(target, "/") {
		return "GitHub does not show it: use a relative link"
	}
	if _, err := os.Stat(filepath.Join(root, name)); err != nil {
		return "there is no such file"
	}
	if anchor != "" && !anchors[name][anchor] {
		return "there is no such heading"
	}
	return ""
}

// TestFollow checks that broken links are told.
func TestFollow(t *testing.T) {
	anchors := map[string]map[string]bool{"docs/rules.md": {"set": true}}
	for link, want := range map[string]string{
		"rules.md#set":         "",
		"#set":                 "",
		"../README.md":         "",
		"https://example.org/": "",
		"rules.md#sit":         "there is no such heading",
		"rulez.md":             "there is no such file",
		"/rules":               "GitHub does not show it: use a relative link",
	} {
		if got := follow("docs/rules.md", link, anchors); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
	for heading, want := range map[string]string{
		"Variables in texts: $(NAME)": "variables-in-texts-name",
		"`set` and [add](x.md)":       "set-and-add",
		"Argo CD, Flux":               "argo-cd-flux",
	} {
		if got := slug(heading); got != want {
			t.Errorf("%s: %q, want %q", heading, got, want)
		}
	}
}

// TestSidebar checks that the site's sidebar and docs/README.md list every page.
func TestSidebar(t *testing.T) {
	sidebar, err := os.ReadFile(filepath.Join(root, "docs/.vitepress/sidebar.mts"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(filepath.Join(root, "docs/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages(t) {
		name := strings.TrimPrefix(p.name, "docs/")
		if path.Dir(p.name) != "docs" || name == "index.md" || name == "README.md" {
			continue
		}
		if entry := "link: '/" + strings.TrimSuffix(name, ".md") + "'"; !strings.Contains(string(sidebar), entry) {
			t.Errorf("the sidebar lacks %s", p.name)
		}
		if !strings.Contains(string(list), "]("+name+")") {
			t.Errorf("docs/README.md lacks %s", p.name)
		}
	}
}
