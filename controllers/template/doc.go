// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package template renders patches into the templates of VirtualMachines, for clusters that
// allow no webhooks (--render-into=template).
//
// It is the weaker way. The webhooks see each VMI before it exists; this controller sees
// VirtualMachines after they were written, and KubeVirt may start one first. It refuses
// nothing: where a demand cannot be met it says so by an event, and leaves the template as
// it is. VMIs of replica sets and pools, and bare ones, get no patches.
//
// It writes two annotations below spec.template.metadata.annotations by server-side apply,
// and only where no other manager owns them: nobody's list of hook sidecars is changed. The
// annotations travel to the VMI when KubeVirt makes it.
package template
