// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// origin is what the sources came from.
type origin struct {
	version  string    // the tag, with what came after it; "unknown" where git does not know
	revision string    // the commit, or empty
	time     time.Time // of the commit
}

// dirty marks a version that its commit is not all of. Git does not count files that it does not know, but Go
// compiles them.
const dirty = "-dirty"

// readOrigin asks git. Sources that are no clone have version "unknown" and the time 0. A sourceDateEpoch,
// in seconds since 1970, takes the place of the commit's time: https://reproducible-builds.org/specs/source-date-epoch/
func readOrigin(sourceDateEpoch string) (origin, error) {
	from := origin{version: "unknown"}
	if described := git("describe", "--tags", "--always", "--dirty"); described != "" {
		if !strings.HasSuffix(described, dirty) && git("status", "--porcelain") != "" {
			described += dirty
		}
		from.version, from.revision = described, git("rev-parse", "HEAD")
	}
	if sourceDateEpoch == "" {
		sourceDateEpoch = git("log", "-1", "--format=%ct")
	}
	if sourceDateEpoch == "" {
		sourceDateEpoch = "0"
	}
	seconds, err := strconv.ParseInt(sourceDateEpoch, 10, 64)
	if err != nil {
		return origin{}, fmt.Errorf("SOURCE_DATE_EPOCH: %q is no number of seconds", sourceDateEpoch)
	}
	from.time = time.Unix(seconds, 0).UTC()
	return from, nil
}

// git is what git prints, or nothing where there is no git or no repository.
func git(args ...string) string {
	out, err := exec.Command("git", args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func (o origin) labels() map[string]string {
	labels := map[string]string{"org.opencontainers.image.version": o.version}
	if o.revision != "" {
		labels["org.opencontainers.image.revision"] = o.revision
	}
	return labels
}
