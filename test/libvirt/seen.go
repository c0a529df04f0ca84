// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package libvirt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

// Seen is what guests see of samples, in their own words, by the sample.
type Seen map[string][]string

// ReadSeen reads what the tests with guests expect of samples: the files proofs.yaml in the folders below one. It fails
// where a file that the guest reads holds nothing of a sample's own.
func ReadSeen(folder string, samples map[string]string) (Seen, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*", "proofs.yaml"))
	if err != nil {
		return nil, err
	}
	seen := Seen{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var scene struct {
			Proofs []struct {
				Sample string `json:"sample"`
				Facts  []fact `json:"facts"`
			} `json:"proofs"`
		}
		if err := yaml.Unmarshal(data, &scene); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, proof := range scene.Proofs {
			dir := samples[proof.Sample]
			if dir == "" {
				continue // a patch beside the VM of a guest
			}
			for _, f := range proof.Facts {
				lines, err := f.lines(dir)
				if err != nil {
					return nil, fmt.Errorf("%s: sample %s: %w", file, proof.Sample, err)
				}
				seen[proof.Sample] = append(seen[proof.Sample], lines...)
			}
		}
	}
	return seen, nil
}

// fact is one that a guest reports; no value is one that it does not.
type fact struct {
	Name    string `json:"name"`
	Without string `json:"without"`
	With    string `json:"with"`
	Because string `json:"because"` // what makes the difference, where it is not what the patch writes
}

// lines are what a table shows of the fact: of a text of many lines, which several samples may have written,
// those that are new and the sample's own.
func (f fact) lines(sample string) ([]string, error) {
	if !strings.Contains(f.With, "\n") {
		return []string{f.String()}, nil
	}
	own, err := ownLines(sample)
	if err != nil {
		return nil, err
	}
	shown := []string{f.Name + ":"}
	for _, line := range newLines(f.Without, f.With) {
		if slices.Contains(own, strings.TrimSpace(line)) {
			shown = append(shown, "+ "+line)
		}
	}
	if len(shown) == 1 {
		return nil, fmt.Errorf("%s of the guest holds no line that the sample writes: %q", f.Name, own)
	}
	return shown, nil
}

// ownLines are those that a sample writes into the files of cloud-init, without the spaces before them.
func ownLines(sample string) ([]string, error) {
	var before, after struct{ UserData, NetworkData string }
	for file, into := range map[string]any{offline.CaseCloudInit: &before, offline.WantCloudInit: &after} {
		data, err := os.ReadFile(filepath.Join(sample, file))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			return nil, err
		}
	}
	own := append(newLines(before.UserData, after.UserData), newLines(before.NetworkData, after.NetworkData)...)
	for i := range own {
		own[i] = strings.TrimSpace(own[i])
	}
	return own, nil
}

// newLines are the lines of a text that another lacks.
func newLines(before, after string) []string {
	old := strings.Split(before, "\n")
	return slices.DeleteFunc(strings.Split(after, "\n"), func(line string) bool { return line == "" || slices.Contains(old, line) })
}

func (f fact) String() string {
	text := f.change()
	if f.Because != "" {
		text += " (" + f.Because + ")"
	}
	return text
}

func (f fact) change() string {
	switch {
	case f.Without == "":
		return fmt.Sprintf("%s: %s", f.Name, f.With)
	case f.With == "":
		return fmt.Sprintf("%s: none, was %s", f.Name, f.Without)
	}
	return fmt.Sprintf("%s: %s, was %s", f.Name, f.With, f.Without)
}
