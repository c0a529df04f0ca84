// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubevirt1.9

package main

import (
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
)

var laterDefinitions = []func() (*extv1.CustomResourceDefinition, error){components.NewPluginCrd}

func setHost(context *converterContext) { context.HostArchitecture = architecture }
