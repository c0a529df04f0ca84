// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubevirt1.2 && !kubevirt1.8

package main

import extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

var laterDefinitions []func() (*extv1.CustomResourceDefinition, error)
