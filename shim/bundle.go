// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// load makes an engine of the bundle file and gives the SHA-256 of what it read, which is empty
// where nothing was. Want is the expected SHA-256; empty skips the check.
func load(path, want string) (Engine, string, error) {
	data, err := read(path)
	if err != nil {
		return nil, "", fmt.Errorf("cannot read the bundle: %w", err)
	}
	sum := bundle.Sum(data)
	if bytes.HasPrefix(data, []byte("#!")) {
		return nil, sum, fmt.Errorf("%s is a script, and scripts are not run here: write its edits as a DomainPatch "+
			"(kubectl domainpatch generate helps), or run it with KubeVirt's own sidecar-shim image", path)
	}
	if want != "" && sum != want {
		return nil, sum, fmt.Errorf("the bundle %s has SHA-256 %s, but %s was rendered for this VM: the ConfigMap was changed", path, sum, want)
	}
	decoded, err := bundle.Decode(data)
	if err != nil {
		return nil, sum, fmt.Errorf("cannot use the bundle %s: %w", path, err)
	}
	program, err := patch.Compile(decoded)
	if err != nil {
		return nil, sum, fmt.Errorf("cannot compile the bundle %s: %w", path, firstErrors(err))
	}
	return program, sum, nil
}

// read gives the content of a regular file of at most bundle.MaxBytes.
func read(path string) ([]byte, error) {
	// Without O_NONBLOCK the open of a named pipe waits for a writer for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: mount the bundle there", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, bundle.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > bundle.MaxBytes {
		return nil, fmt.Errorf("%s has more than %d bytes, the limit of a bundle", path, bundle.MaxBytes)
	}
	return data, nil
}

// firstErrors keeps the first three of the errors that patch.Compile joined, for a condition has
// room for no more, and counts the rest.
func firstErrors(err error) error {
	const most = 3
	all := patch.Errors(err)
	if len(all) <= 1 {
		return err
	}
	var texts []string
	for _, e := range all[:min(most, len(all))] {
		texts = append(texts, e.Error())
	}
	if rest := len(all) - most; rest > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", rest))
	}
	return errors.New(strings.Join(texts, "; "))
}

// unusable is the engine of a bundle that cannot be used: every call fails with the reason.
type unusable struct{ reason error }

func (u unusable) Domain(context.Context, []byte, []byte, *patch.Report) ([]byte, *patch.Report, error) {
	return nil, nil, u.reason
}

func (u unusable) CloudInit(context.Context, []byte, []byte) ([]byte, *patch.Report, error) {
	return nil, nil, u.reason
}

func (u unusable) RequiresCloudInit(context.Context, []byte) (string, error) { return "", u.reason }
