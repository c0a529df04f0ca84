// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package libvirt

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Proof is what libvirt and QEMU make of one patch.
type Proof struct {
	// QEMU is what the patch changes of QEMU's command line: + and - stand before what is new and what is gone.
	QEMU []string `json:"qemu,omitempty"`
	// NoEffect is why it changes nothing there.
	NoEffect string `json:"noEffect,omitempty"`
	// Idle are the rules of a sample without which QEMU's command line would be the same, and the places of those that
	// merge, and why.
	Idle map[string]string `json:"idle,omitempty"`
	// NotKept are the paths of the patch of which libvirt keeps something else than the patch wrote, and why.
	NotKept map[string]string `json:"notKept,omitempty"`
	// Refused is what libvirt says where it refuses the patched domain, and why.
	Refused map[string]string `json:"refused,omitempty"`
	// Schema are errors of libvirt's schema that the patch causes, and why.
	Schema map[string]string `json:"schema,omitempty"`
}

// Proofs are those of all patches, by the folder of the case.
type Proofs map[string]Proof

const header = `# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

# What libvirt and QEMU make of each sample and case: see the package's comment. Written by
#   make test-libvirt UPDATE=1
# but for the reasons: those are yours to give.
`

// ReadProofs reads the file of proofs.
func ReadProofs(file string) (Proofs, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var proofs Proofs
	if err := yaml.UnmarshalStrict(data, &proofs); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return proofs, nil
}

func (p Proofs) write(file string) error {
	data, err := yaml.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append([]byte(header), data...), 0o644)
}

// withReasons fills in the reasons that are known.
func (p Proof) withReasons(known Proof) Proof {
	if len(p.QEMU) == 0 && len(p.Refused) == 0 {
		p.NoEffect = known.NoEffect
	}
	for _, m := range []struct{ to, from map[string]string }{
		{p.Idle, known.Idle}, {p.NotKept, known.NotKept}, {p.Refused, known.Refused}, {p.Schema, known.Schema},
	} {
		for what := range m.to {
			m.to[what] = m.from[what]
		}
	}
	return p
}

// missingReasons names what has no reason yet.
func (p Proof) missingReasons() []string {
	var missing []string
	if len(p.QEMU) == 0 && len(p.Refused) == 0 && p.NoEffect == "" {
		missing = append(missing, "noEffect: QEMU's command line is the same as without the patch")
	}
	for name, m := range map[string]map[string]string{"idle": p.Idle, "notKept": p.NotKept, "refused": p.Refused, "schema": p.Schema} {
		for _, what := range slices.Sorted(maps.Keys(m)) {
			if strings.TrimSpace(m[what]) == "" {
				missing = append(missing, name+": "+what)
			}
		}
	}
	return missing
}
