// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// readTag is the tag that hack/image gave to an image: what git describes the commit as, with -dirty if it is not all.
func readTag(layout string) (string, error) {
	text, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		return "", fmt.Errorf("run make image first: %w", err)
	}
	var index struct {
		Manifests []struct{ Annotations map[string]string }
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return "", fmt.Errorf("%s: %w", layout, err)
	}
	for _, m := range index.Manifests {
		if tag := m.Annotations["org.opencontainers.image.ref.name"]; tag != "" {
			return tag, nil
		}
	}
	return "", fmt.Errorf("%s: its image has no tag", layout)
}

// semantic is a version tag, perhaps with what git describe adds: v1.2.3-4-gabc1234.
var semantic = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)

// version is a semantic version for a tag. A commit without a version tag gets one below all releases.
func version(tag string) string {
	if semantic.MatchString(tag) {
		return strings.TrimPrefix(tag, "v")
	}
	return "0.0.0-dev.g" + tag
}
