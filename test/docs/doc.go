// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package docs tests what the documentation says: its commands are run and must print what
// stands below them, its YAML and JSON must be read by what it is for, its links must lead
// somewhere, and the page of the API must name every field. The pages are README.md and its
// neighbours, config/samples/README.md and docs.
//
// A block of commands is one with the tag console: each line behind "$ " is a command, what
// follows is what it prints, on standard output and standard error together. Nothing is
// compared where nothing stands there. A line of "..." stands for any number of lines, "…" in
// a line for any text, and times such as 0.02s for any time. The commands of a page run in
// order, in a folder of the page's own with a copy of config; those of
// "go run ./cmd/kubectl-domainpatch" run the program that was built for the test.
//
// HTML comments right above a block say how to take it:
//
//	<!-- not run: REASON -->   not run, but read like the others; the test prints the reasons
//	<!-- run: cluster -->      run against a cluster with the operator, one for all pages
//	<!-- exit: 1 -->           the last command of the block must end with this exit code
//	<!-- file: NAME -->        the block is put into a file of the page's folder
//	<!-- from: FILE -->        the lines of the block stand in that file of the repository
package docs
