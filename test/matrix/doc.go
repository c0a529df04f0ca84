// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package matrix has the tests of what differs between the releases of KubeVirt: the domain that their
// converter makes of the same VMs, their client of the hooks, what their types keep of a domain between two
// calls, and their custom resource definitions. With some of them they run the whole chain of test/e2e, too.
//
// The VMs are in testdata/vmis. The labels of each name the samples that apply to it, and that get along with
// each other on it; every sample is on one of them. They have no field that KubeVirt v1.3 lacks.
package matrix
