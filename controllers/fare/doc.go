// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package fare finds out how the VMIs of a namespace fare with their patches: what they run
// with, what they would get if they were created now, whether that is the same, and whether a
// start failed in a hook of ours. What binds is render's to decide.
//
// It is for the operator, which counts, and for the command line tool, which tells of each: both
// say the same. A Judge reads little of a VMI, which kubevirt.Slim leaves of it; what else it
// needs its Source gives.
package fare
