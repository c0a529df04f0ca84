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
	"slices"
	"strings"
	"syscall"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// errProgram says that the file of the bundle is a user's program, as KubeVirt's sidecar-shim runs it.
var errProgram = errors.New("is a script or another program, not a bundle, and programs are not run here: write its edits as a DomainPatch, " +
	"run it behind the patches with --allow-exec and without --bundle, or leave it to KubeVirt's own sidecar-shim image")

// errNeither is for what is not even JSON, as a script that does not begin as one.
var errNeither = errors.New("is neither a bundle nor a program: a bundle is the JSON object that the operator writes, a program is an ELF binary " +
	"or begins with #! and its interpreter, without a blank line or a byte order mark before it: let the operator mount the bundle, or " +
	"mend the script and run it with --allow-exec")

// rules is a bundle that was read and compiled.
type rules struct {
	*patch.Program
	sum       string // SHA-256 of what was read, empty where nothing was
	cloudInit bool   // there are rules for PreCloudInitIso
}

// load reads and compiles the bundle file. Want is the expected SHA-256; empty skips the check. With an
// error, the sum alone is set.
func load(path, want string) (rules, error) {
	data, err := read(path)
	if err != nil {
		return rules{}, fmt.Errorf("cannot read the bundle: %w", err)
	}
	sum := bundle.Sum(data)
	if want != "" && sum != want {
		return rules{sum: sum}, fmt.Errorf("the bundle %s has SHA-256 %s, but %s was rendered for this VM: the ConfigMap was changed", path, sum, want)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return rules{sum: sum}, fmt.Errorf("%s %w", path, errNeither)
	}
	decoded, err := bundle.Decode(data)
	if err != nil {
		return rules{sum: sum}, fmt.Errorf("cannot use the bundle %s: %w", path, err)
	}
	program, err := patch.Compile(decoded)
	if err != nil {
		return rules{sum: sum}, fmt.Errorf("cannot compile the bundle %s: %w", path, firstErrors(err))
	}
	hasCloudInit := func(p bundle.Patch) bool { return len(p.CloudInit) > 0 }
	return rules{Program: program, sum: sum, cloudInit: slices.ContainsFunc(decoded.Patches, hasCloudInit)}, nil
}

// read gives the content of a regular file of at most bundle.MaxBytes that is no program, however large.
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
	if isProgram(data) {
		return nil, fmt.Errorf("%s %w", path, errProgram)
	}
	if len(data) > bundle.MaxBytes {
		return nil, fmt.Errorf("%s has more than %d bytes, the limit of a bundle", path, bundle.MaxBytes)
	}
	return data, nil
}

// isProgram tells a script or a binary by its first bytes. No bundle starts so, since it is JSON.
func isProgram(data []byte) bool {
	return bytes.HasPrefix(data, []byte("#!")) || bytes.HasPrefix(data, []byte("\x7fELF"))
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

// unpatched is the engine where there is no bundle: it returns what it gets.
type unpatched struct{}

func (unpatched) Domain(_ context.Context, doc, _ []byte, _ *patch.Report) ([]byte, *patch.Report, error) {
	return doc, &patch.Report{}, nil
}

func (unpatched) CloudInit(_ context.Context, data, _ []byte) ([]byte, *patch.Report, error) {
	return data, &patch.Report{}, nil
}

func (unpatched) RequiresCloudInit(context.Context, []byte) (string, error) { return "", nil }
