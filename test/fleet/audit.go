// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// auditPolicy has all requests of the manager logged, each when it is answered, and a watch when it begins.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["` + cluster.ManagerUser + `"]
- level: None
`

// request is one that the manager made.
type request struct {
	at       time.Time // when it came in
	verb     string
	resource string // with the subresource, such as domainpatches/status
	object   string // namespace and name, as far as they are known
	code     int
	// snapshot is whether it is a watch that begins with all objects, which is a list by another name.
	snapshot bool
}

func (r request) isWrite() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.verb)
}

// changed is whether it wrote something.
func (r request) changed() bool { return r.isWrite() && r.code < 300 }

func (r request) isList() bool { return r.verb == "list" || r.snapshot }

// isLease is whether it belongs to leader election.
func (r request) isLease() bool { return r.resource == "leases" }

// isStatus is whether it is about the status of a patch or policy.
func (r request) isStatus() bool {
	kind, subresource, _ := strings.Cut(r.resource, "/")
	return subresource == "status" && slices.Contains([]string{"domainpatches", "clusterdomainpatches", "domainpatchpolicies"}, kind)
}

// isVM is whether it is about an object of KubeVirt's, or a Pod.
func (r request) isVM() bool {
	return strings.HasPrefix(r.resource, "virtualmachine") || strings.HasPrefix(r.resource, "pods")
}

// String is what it does, without the object.
func (r request) String() string {
	if r.snapshot {
		return "list (by watch) " + r.resource
	}
	return r.verb + " " + r.resource
}

// auditLog is the audit log of an API server, as far as it was read. The API server writes an
// event there before it has answered the request, or right after.
type auditLog struct {
	file     string
	offset   int64
	requests []request
}

// configure gives the flags that make an API server write the log, one file in that folder.
func (l *auditLog) configure(folder string) (map[string]string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	policy := filepath.Join(folder, "audit-policy.yaml")
	l.file = filepath.Join(folder, "audit.log")
	return map[string]string{"audit-policy-file": policy, "audit-log-path": l.file, "audit-log-maxsize": "100000"},
		os.WriteFile(policy, []byte(auditPolicy), 0o644)
}

// read reads what has been added since the last time. A line that is not complete yet waits.
func (l *auditLog) read() error {
	file, err := os.Open(l.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(l.offset, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReader(file)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		l.offset += int64(len(line))
		if err := l.add(line); err != nil {
			return fmt.Errorf("%s: %w", l.file, err)
		}
	}
}

func (l *auditLog) add(line []byte) error {
	var event struct {
		Stage, Verb, RequestURI  string
		ObjectRef                struct{ Resource, Subresource, Namespace, Name string }
		ResponseStatus           struct{ Code int }
		RequestReceivedTimestamp time.Time
	}
	if err := json.Unmarshal(line, &event); err != nil {
		return err
	}
	if event.Verb == "watch" && event.Stage != "ResponseStarted" {
		return nil // its end
	}
	address, err := url.Parse(event.RequestURI)
	if err != nil {
		return err
	}
	r := request{at: event.RequestReceivedTimestamp, verb: event.Verb, resource: event.ObjectRef.Resource, code: event.ResponseStatus.Code,
		object:   event.ObjectRef.Namespace + "/" + event.ObjectRef.Name,
		snapshot: event.Verb == "watch" && address.Query().Get("sendInitialEvents") == "true"}
	if event.ObjectRef.Subresource != "" {
		r.resource += "/" + event.ObjectRef.Subresource
	}
	if r.resource == "" {
		r.resource = address.Path
	}
	l.requests = append(l.requests, r)
	return nil
}

// window is a time between two others.
type window struct{ from, to time.Time }

// in selects the requests that came in in a window.
func (l *auditLog) in(w window) []request {
	var found []request
	for _, r := range l.requests {
		if !r.at.Before(w.from) && r.at.Before(w.to) {
			found = append(found, r)
		}
	}
	return found
}

// count counts those that are wanted.
func count(requests []request, wanted func(request) bool) int {
	n := 0
	for _, r := range requests {
		if wanted(r) {
			n++
		}
	}
	return n
}

// shortestGap is the shortest time between two writes of the status of one object, and how
// often the busiest was written. It is 0 where none was written twice.
func shortestGap(requests []request) (shortest time.Duration, most int) {
	last, times := map[string]time.Time{}, map[string]int{}
	ordered := slices.SortedFunc(slices.Values(requests), func(a, b request) int { return a.at.Compare(b.at) })
	for _, r := range ordered {
		if !r.isStatus() || !r.changed() {
			continue
		}
		key := r.resource + " " + r.object
		times[key]++
		most = max(most, times[key])
		if before, ok := last[key]; ok {
			if gap := r.at.Sub(before); shortest == 0 || gap < shortest {
				shortest = gap
			}
		}
		last[key] = r.at
	}
	return shortest, most
}

// breakdown says how often what was asked, most often first, as text and stable.
func breakdown(requests []request, wanted func(request) bool) string {
	times := map[string]int{}
	for _, r := range requests {
		if wanted(r) {
			times[r.String()]++
		}
	}
	var kinds []string
	for kind := range times {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b string) int {
		if times[a] != times[b] {
			return times[b] - times[a]
		}
		return strings.Compare(a, b)
	})
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%d %s", times[kind], kind)
	}
	if len(kinds) == 0 {
		return "none"
	}
	return strings.Join(kinds, ", ")
}
