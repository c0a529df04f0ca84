// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command site checks the links of a built site, a folder of HTML: every link to a page or
// file of its own must lead to one, and every anchor to an element of that name. Links to other
// hosts are not followed. Exit codes: 0 all lead somewhere, 1 some do not, 2 wrong arguments.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: site FOLDER")
		os.Exit(2)
	}
	broken, pages, err := check(os.DirFS(os.Args[1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	for _, line := range broken {
		fmt.Fprintln(os.Stderr, "error: "+line)
	}
	if len(broken) > 0 {
		os.Exit(1)
	}
	fmt.Printf("%s: the links of %d pages lead somewhere\n", os.Args[1], pages)
}

// page is what the check needs of one file of HTML.
type page struct {
	links []string
	names map[string]bool // of elements, which anchors lead to
}

// check gives a line per broken link, sorted, and the number of pages. A site without any is
// an error.
func check(site fs.FS) (broken []string, count int, err error) {
	pages, err := readPages(site)
	if err != nil {
		return nil, 0, err
	}
	if len(pages) == 0 {
		return nil, 0, errors.New("the site has no page")
	}
	for name, p := range pages {
		for _, link := range p.links {
			if reason := follow(site, pages, name, link); reason != "" {
				broken = append(broken, fmt.Sprintf("%s: %s: %s", name, link, reason))
			}
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken), len(pages), nil
}

func readPages(site fs.FS) (map[string]page, error) {
	pages := map[string]page{}
	err := fs.WalkDir(site, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".html" {
			return err
		}
		file, err := site.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		root, err := html.Parse(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		pages[name] = readPage(root)
		return nil
	})
	return pages, err
}

func readPage(root *html.Node) page {
	p := page{names: map[string]bool{}}
	for node := range root.Descendants() {
		for _, attribute := range node.Attr {
			switch attribute.Key {
			case "href", "src":
				p.links = append(p.links, attribute.Val)
			case "id", "name":
				p.names[attribute.Val] = true
			}
		}
	}
	return p
}

// follow says why a link leads nowhere, and nothing if it does not.
func follow(site fs.FS, pages map[string]page, from, link string) string {
	if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") || strings.HasPrefix(link, "data:") || strings.HasPrefix(link, "javascript:") {
		return ""
	}
	target, anchor, _ := strings.Cut(link, "#")
	target, _, _ = strings.Cut(target, "?")
	name := from
	switch {
	case strings.HasPrefix(target, "/"):
		name = path.Clean(target[1:])
	case target != "":
		name = path.Join(path.Dir(from), target)
	}
	info, err := fs.Stat(site, name)
	if err == nil && info.IsDir() {
		name = path.Join(name, "index.html")
		_, err = fs.Stat(site, name)
	}
	if err != nil {
		return "there is no such file"
	}
	if p, isPage := pages[name]; isPage && anchor != "" && !p.names[anchor] {
		return "there is no such anchor"
	}
	return ""
}
