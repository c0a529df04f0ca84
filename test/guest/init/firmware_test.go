// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

func TestOEMStrings(t *testing.T) {
	const board, oem, end = "\x02\x05\x00\x02\x01Radical Edward\x00\x00", "\x0b\x05\x00\x0b\x02rack=12\x00role=edge\x00\x00", "\x7f\x04\x00\x7f\x00\x00"
	for name, c := range map[string]struct {
		tables string
		want   []string
	}{
		"BehindOthers":  {board + oem + end, []string{"rack=12", "role=edge"}},
		"None":          {board + end, nil},
		"Empty":         {"", nil},
		"NoEnd":         {board + strings.TrimSuffix(oem, "\x00\x00"), nil},
		"LengthTooLong": {"\x0b\xff\x00\x0b\x02rack=12\x00\x00", nil},
		"LengthZero":    {"\x0b\x00\x00\x0b\x02rack=12\x00\x00", nil},
	} {
		if got := oemStrings([]byte(c.tables)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
