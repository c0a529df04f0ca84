// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Engine answers the tests of test/kubevirt, whose module cannot import this one: it reads
// one JSON request a line and writes one JSON response a line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// request is a call of the hook with the patch.yaml and vmi.yaml (optional) of a folder; without
// a folder it asks what KubeVirt makes of the domain until the next call.
type request struct {
	Folder string        `json:"folder"`
	Domain string        `json:"domain"`
	First  *patch.Report `json:"first"` // nil on a first call
}

type response struct {
	Domain string        `json:"domain"`
	Report *patch.Report `json:"report"`
	Error  string        `json:"error"`
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	requests, responses := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	for {
		var r request
		if err := requests.Decode(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		domain, report, err := r.answer()
		answer := response{Domain: string(domain), Report: report}
		if err != nil {
			answer.Error = err.Error()
		}
		if err := responses.Encode(answer); err != nil {
			return err
		}
	}
}

func (r *request) answer() ([]byte, *patch.Report, error) {
	if r.Folder == "" {
		next, err := r.next()
		return next, nil, err
	}
	program, vmi, err := load(r.Folder)
	if err != nil {
		return nil, nil, err
	}
	return program.Domain(context.Background(), []byte(r.Domain), vmi, r.First)
}

func (r *request) next() ([]byte, error) {
	doc, err := document.Parse([]byte(r.Domain))
	if err != nil {
		return nil, err
	}
	next, err := schema.Next(doc.Element(), nil, "", false)
	if err != nil {
		return nil, err
	}
	return next[0], nil
}

func load(folder string) (program *patch.Program, vmi []byte, err error) {
	var parsed *offline.VMI
	if data, err := os.ReadFile(filepath.Join(folder, offline.CaseVMI)); err == nil {
		if parsed, err = offline.ParseVMI(data); err != nil {
			return nil, nil, err
		}
		vmi = parsed.JSON
	} else if !os.IsNotExist(err) {
		return nil, nil, err
	}
	objects, _, err := offline.Files{}.Objects([]string{filepath.Join(folder, offline.CasePatch)})
	if err != nil {
		return nil, nil, err
	}
	rendered, err := offline.Compile(context.Background(), objects, parsed, parsed == nil)
	if err != nil {
		return nil, nil, err
	}
	if !rendered.Applies() {
		return nil, nil, fmt.Errorf("%s: no patch binds to the VMI", folder)
	}
	decoded, err := bundle.Decode(rendered.JSON)
	if err != nil {
		return nil, nil, err
	}
	program, err = patch.Compile(decoded)
	return program, vmi, err
}
