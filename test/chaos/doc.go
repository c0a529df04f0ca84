// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package chaos tests the promise on bad days, on real programs (see package cluster): VMs that
// must be patched are created while replicas of the manager are killed and started again, patches
// change and the API server restarts; and VMs race with their patches.
//
// Nothing is sampled. Watches that go on where they ended, over a restart of the API server too,
// keep a history of all VMs, VMIs, Pods, ConfigMaps and patches, in the order of etcd's revisions,
// and the invariants are checked over the whole of it: see history.violations.
//
// Sizes are flags of the test; the defaults take about a minute. "make test-chaos" runs large ones.
// What is chosen at random follows from the flag -seed, which is printed; how programs
// interleave does not.
package chaos
