// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// diskSize is that of all disks, in bytes.
const diskSize = 16 << 20

// newDisk makes an image of diskSize whose first bytes are the text. A raw one lacks the zeroes behind it.
func newDisk(format, text string) ([]byte, error) {
	switch format {
	case "raw":
		return []byte(text), nil
	case "qcow2":
		return newQCOW2(text), nil
	}
	return nil, fmt.Errorf("images of format %q are not made here", format)
}

// newQCOW2 makes an image of version 2 (QEMU's docs/interop/qcow2.txt): a cluster each for the header, the table of
// reference counts, the counts, the tables of both levels, and the text.
func newQCOW2(text string) []byte {
	const bits, copied = 16, 1 << 63
	const cluster = 1 << bits
	const countTable, counts, level1, level2, data, clusters = 1, 2, 3, 4, 5, 6
	var header bytes.Buffer
	for _, field := range []any{
		[]byte("QFI\xfb"), uint32(2), uint64(0), uint32(0), uint32(bits), uint64(diskSize), uint32(0),
		uint32(1), uint64(level1 * cluster), uint64(countTable * cluster), uint32(1), uint32(0), uint64(0),
	} {
		_ = binary.Write(&header, binary.BigEndian, field) // a buffer takes all
	}
	image := make([]byte, clusters*cluster)
	copy(image, header.Bytes())
	binary.BigEndian.PutUint64(image[countTable*cluster:], counts*cluster)
	for i := range clusters {
		binary.BigEndian.PutUint16(image[counts*cluster+2*i:], 1)
	}
	binary.BigEndian.PutUint64(image[level1*cluster:], level2*cluster|copied)
	binary.BigEndian.PutUint64(image[level2*cluster:], data*cluster|copied)
	copy(image[data*cluster:], text)
	return image
}
