// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package e2e tests the whole chain on real programs: see package cluster for which, and
// for what is played. It needs "make controlplane kubevirt", and fails without. TestChain runs with
// older releases of KubeVirt, too: "make test-matrix" does that.
package e2e
