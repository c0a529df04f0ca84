// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// The root of the module of this program. What it requires is not said here: it is built once for each
// release of KubeVirt, with a go.mod and a go.sum that the tests beside this folder write below out/matrix
// and name by go's flag -modfile.
module github.com/domainpatch/domainpatch/test/matrix/probe

go 1.26.0
