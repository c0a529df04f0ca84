// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package main

import "os/exec"

// ownGroup does nothing: there are no process groups here, and the command alone is killed.
func ownGroup(*exec.Cmd) {}

func killGroup(*exec.Cmd) {}
