// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ReadableCloudInit shows CloudInitData as the documents that it holds, so that a diff has lines. What is no
// CloudInitData is returned as it is. The result ends with a newline.
func ReadableCloudInit(data []byte) []byte {
	var members struct {
		UserData, NetworkData                string
		NoCloudMetaData, ConfigDriveMetaData json.RawMessage
	}
	if json.Unmarshal(data, &members) != nil {
		return EndLine(data)
	}
	var out bytes.Buffer
	for _, part := range []struct{ name, text string }{
		{"userData", members.UserData}, {"networkData", members.NetworkData},
		{"metaData", indented(members.NoCloudMetaData)}, {"metaData", indented(members.ConfigDriveMetaData)},
	} {
		if part.text != "" {
			fmt.Fprintf(&out, "--- %s ---\n%s\n", part.name, part.text)
		}
	}
	return out.Bytes()
}

// EndLine ends a text with a newline, as diffs want it.
func EndLine(text []byte) []byte {
	return append(bytes.TrimSuffix(text, []byte("\n")), '\n')
}

func indented(object json.RawMessage) string {
	var out bytes.Buffer
	if len(object) == 0 || string(object) == "null" || json.Indent(&out, object, "", "  ") != nil {
		return ""
	}
	return out.String()
}
