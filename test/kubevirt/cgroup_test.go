// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// newCgroup makes a group below the test's own with this limit of a controller, and removes it after the test. It is "" where that
// is not possible, and then the reason is logged.
func newCgroup(t *testing.T, controller string, limit cgroupLimit) string {
	t.Helper()
	dir, err := makeCgroup(controller, limit)
	if err != nil {
		t.Logf("no cgroup for %s: %v", controller, err)
		return ""
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Errorf("remove the cgroup: %v", err)
		}
	})
	return dir
}

// cgroupLimit is what to write into which files of a cgroup.
type cgroupLimit struct{ v1, v2 map[string]string }

// ofMemory is a limit in bytes.
func ofMemory(bytes int) cgroupLimit {
	return cgroupLimit{
		v1: map[string]string{"memory.limit_in_bytes": strconv.Itoa(bytes)},
		v2: map[string]string{"memory.max": strconv.Itoa(bytes)},
	}
}

// ofCPU is a limit of quota in every period, both in microseconds.
func ofCPU(quota, period string) cgroupLimit {
	return cgroupLimit{
		v1: map[string]string{"cpu.cfs_period_us": period, "cpu.cfs_quota_us": quota},
		v2: map[string]string{"cpu.max": quota + " " + period},
	}
}

func makeCgroup(controller string, limit cgroupLimit) (string, error) {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	parent, isV2, err := parentCgroup("/sys/fs/cgroup", string(groups), controller)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, "contract")
	if err != nil {
		return "", err
	}
	settings := limit.v1
	if isV2 {
		settings = limit.v2
	}
	for file, value := range settings {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0); err != nil {
			return "", errors.Join(err, os.Remove(dir))
		}
	}
	return dir, nil
}

// parentCgroup is the group below which one with the controller can be made: the process's own in the hierarchy of the controller
// of cgroup v1. In v2 a group of processes gives its children no controllers, but the root, so it is the parent
// of the process's own there. Groups are what /proc/self/cgroup says (cgroups(7)).
func parentCgroup(root, groups, controller string) (dir string, isV2 bool, err error) {
	own := ""
	for line := range strings.Lines(groups) {
		// hierarchy:controllers:path
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) != 3:
		case slices.Contains(strings.Split(fields[1], ","), controller):
			return filepath.Join(root, fields[1], fields[2]), false, nil
		case fields[0] == "0":
			own = fields[2]
		}
	}
	if own == "" {
		return "", false, errors.New("the controller has no hierarchy of cgroup v1 here, and there is no v2")
	}
	dir = filepath.Join(root, filepath.Dir(own))
	enabled, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return "", true, err
	}
	if !slices.Contains(strings.Fields(string(enabled)), controller) {
		return "", true, fmt.Errorf("%s/cgroup.subtree_control does not enable the controller: it has %q", dir, enabled)
	}
	return dir, true, nil
}

// TestParentCgroup is for the kind of hierarchy that this machine does not have.
func TestParentCgroup(t *testing.T) {
	root := t.TempDir()
	slice := filepath.Join(root, "user.slice")
	if err := os.MkdirAll(slice, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(slice, "cgroup.subtree_control"), []byte("cpu memory\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const unified = "0::/user.slice/session-1.scope\n"
	for name, tc := range map[string]struct {
		groups, controller string
		dir                string
		isV2, fails        bool
	}{
		"V1":         {"5:cpu,cpuacct:/a\n4:memory:/b\n" + unified, "cpu", filepath.Join(root, "cpu,cpuacct/a"), false, false},
		"V2":         {unified, "memory", slice, true, false},
		"NotEnabled": {unified, "io", "", true, true},
		"NoGroup":    {"4:memory:/b\n", "cpu", "", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir, isV2, err := parentCgroup(root, tc.groups, tc.controller)
			if dir != tc.dir || isV2 != tc.isV2 || (err != nil) != tc.fails {
				t.Errorf("got %q, %v, %v", dir, isV2, err)
			}
		})
	}
}
