// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package playground

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch"
)

// Answer runs a Request in JSON and gives its Response in JSON. It does not panic: a fault of the engine is
// one of the Response.
func Answer(ctx context.Context, request []byte) (response []byte) {
	defer func() {
		if fault := recover(); fault != nil {
			response = encode(&Response{Fault: fmt.Sprintf("%v\n%s", fault, debug.Stack())})
		}
	}()
	var r Request
	if err := json.Unmarshal(request, &r); err != nil {
		return encode(&Response{Fault: "the request is no JSON of the page: " + err.Error()})
	}
	return encode(Run(ctx, &r))
}

func encode(r *Response) []byte {
	out, err := json.Marshal(r)
	if err != nil {
		return []byte(`{"fault":"the response cannot be written as JSON"}`)
	}
	return out
}

// Run reads the texts, compiles the patches for the VMI and applies them to the domain and to the cloud-init data,
// or lints the patches where that is asked for.
func Run(ctx context.Context, request *Request) *Response {
	start := time.Now()
	r := &Response{Problems: []Problem{}, Notes: []string{}}
	if !r.withinLimits(request) {
		return r
	}
	if request.Lint {
		r.lint(request)
	} else if program := r.compile(ctx, request); program != nil {
		r.cloudInit(ctx, program, request.CloudInit)
		r.domain(ctx, program, request.Domain)
	}
	r.Milliseconds = float64(time.Since(start).Microseconds()) / 1000
	return r
}

// compile gives nil where there is nothing to run.
func (r *Response) compile(ctx context.Context, request *Request) *offline.Program {
	objects, skipped, err := offline.ParseObjects(panePatches, []byte(request.Patches))
	for _, note := range offline.PassedOver(skipped) {
		r.note("%s", strings.TrimPrefix(note, panePatches+": "))
	}
	r.fail(panePatches, err)
	vmi := r.vmi(request.VMI)
	if len(r.Problems) > 0 {
		return nil
	}
	patches := len(objects.Patches) + len(objects.ClusterPatches)
	if patches == 0 {
		r.note("there is no DomainPatch and no ClusterDomainPatch yet: choose a sample, or write one")
		return nil
	}
	program, err := offline.Compile(ctx, objects, vmi, request.All)
	if err != nil {
		r.fail(panePatches, err)
		return nil
	}
	r.Notes = append(r.Notes, objects.Notes(vmi, program)...)
	if !program.Applies() {
		r.note("none of the %d patches binds to the VMI: give the VMI the label that refers to one, or the patch a selector", patches)
	}
	return program
}

func (r *Response) withinLimits(request *Request) bool {
	for _, text := range []struct{ pane, text string }{
		{panePatches, request.Patches}, {paneVMI, request.VMI}, {paneDomain, request.Domain}, {paneCloudInit, request.CloudInit},
	} {
		if len(text.text) > maxBytes {
			r.fail(text.pane, fmt.Errorf("%d bytes, over the limit of %d", len(text.text), maxBytes))
		}
	}
	return len(r.Problems) == 0
}

func (r *Response) vmi(text string) *offline.VMI {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	vmi, err := offline.ParseVMI([]byte(text))
	if err != nil {
		r.fail(paneVMI, err)
		return nil
	}
	vmi.File = paneVMI
	return vmi
}

func (r *Response) cloudInit(ctx context.Context, program *offline.Program, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	out, report, err := program.CloudInit(ctx, []byte(text))
	r.CloudInit = r.result(paneCloudInit, text, out, report, err)
}

// domain calls the hook as KubeVirt does, a first time and again on its own result.
func (r *Response) domain(ctx context.Context, program *offline.Program, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	out, report, err := program.Domain(ctx, []byte(text), nil)
	r.Domain = r.result(paneDomain, text, out, report, err)
	if err != nil {
		return
	}
	again, report, err := program.Domain(ctx, out, report)
	r.Repeat = r.result(paneDomain, string(out), again, report, err)
}

// result takes what one call gave.
func (r *Response) result(pane, in string, out []byte, report *patch.Report, err error) *Result {
	if err != nil {
		r.fail(pane, err)
		return &Result{Failed: true, Report: report}
	}
	return &Result{Output: string(out), Diff: difference(pane, []byte(in), out), Report: report}
}

// difference is that of the command line tool, without the lines that name files.
func difference(pane string, before, after []byte) string {
	readable := offline.EndLine
	if pane == paneCloudInit {
		readable = offline.ReadableCloudInit
	}
	text := string(diff.Diff("before", readable(before), "after", readable(after)))
	if _, hunks, found := strings.Cut(text, "\n@@"); found {
		return "@@" + hunks
	}
	return ""
}

func (r *Response) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}
