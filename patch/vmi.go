// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxVMIBytes is the largest VMI, in bytes: somewhat over what etcd stores in one object.
const maxVMIBytes = 2 << 20

// parseVMI reads a VMI as CEL sees it: without its status, integers as int64,
// metadata.labels and metadata.annotations always maps. Empty input is an empty VMI.
func parseVMI(data []byte) (map[string]any, error) {
	vmi := map[string]any{}
	if len(data) > maxVMIBytes {
		return nil, fmt.Errorf("the VMI has %d bytes, over the limit of %d", len(data), maxVMIBytes)
	}
	if len(bytes.TrimSpace(data)) > 0 {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&vmi); err != nil {
			return nil, fmt.Errorf("the VMI is not a JSON object: %w", err)
		}
		if dec.More() {
			return nil, errors.New("the VMI is followed by other bytes")
		}
	}
	if vmi == nil {
		return nil, errors.New("the VMI is null")
	}
	delete(vmi, "status")
	for k, v := range vmi {
		vmi[k] = withNumbers(v)
	}
	metadata, ok := vmi["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		vmi["metadata"] = metadata
	}
	for _, k := range []string{"labels", "annotations"} {
		if _, ok := metadata[k].(map[string]any); !ok {
			metadata[k] = map[string]any{}
		}
	}
	return vmi, nil
}

// withNumbers turns JSON numbers into int64 where they are whole, else float64.
func withNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil && !strings.HasPrefix(v.String(), "-0") {
			return i
		}
		f, _ := v.Float64() // out of range gives an infinity, as in CEL
		return f
	case map[string]any:
		for k := range v {
			v[k] = withNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = withNumbers(v[i])
		}
	}
	return v
}
