// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"context"
	"fmt"
	"strings"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/lazyregexp"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// What is known here of libvirt, package test/libvirt/facts asks libvirt itself.

// checkRefusals finds what libvirt refuses when it starts a VM of KubeVirt's.
func checkRefusals(s *subject) {
	s.eachPlace(func(rule *patch.RulePlaces, p *patch.Place) bool {
		if p.Removed || !strings.Contains(p.Shape(), "/interface/bandwidth/") {
			return true
		}
		field, offset := s.textWith(ruleIndex(rule), "bandwidth")
		s.warnAt(RefusedByLibvirt, field, offset, "libvirt limits no bandwidth of interfaces in session mode, in which KubeVirt uses it: the VM does not start",
			"limit it in the network of the pod, such as by the CNI plugin bandwidth")
		return false
	})
}

// checkMTU finds an MTU for an interface that is no virtio one, where the model is known.
func checkMTU(s *subject) {
	models := map[string]string{} // that rules write, by the interface
	s.eachPlace(func(_ *patch.RulePlaces, p *patch.Place) bool {
		if at, is := strings.CutSuffix(p.String(), "/model/@type"); is && p.Value != nil {
			models[at] = *p.Value
		}
		return true
	})
	s.eachPlace(func(rule *patch.RulePlaces, p *patch.Place) bool {
		at, is := strings.CutSuffix(p.String(), "/mtu/@size")
		if !is || p.Removed || !strings.HasSuffix(p.Shape(), "/interface/mtu/@size") {
			return true
		}
		model := models[at]
		if model == "" {
			model = s.modelOf(at)
		}
		if model == "" || strings.HasPrefix(model, "virtio") {
			return true
		}
		field, offset := s.textWith(ruleIndex(rule), "mtu")
		s.warnAt(NoEffect, field, offset, fmt.Sprintf("a guest is told the MTU of a virtio interface alone, and this one is %.40q", model),
			"set the MTU in the guest, by cloud-init or DHCP, or give the interface the model virtio")
		return false
	})
}

// modelCondition is a condition on the model of an interface, in the path of a place.
var modelCondition = lazyregexp.New(`\bmodel/@type='([^']+)'`)

// modelOf is the model of the interfaces at a path, by its conditions or in the domains that were given: a virtio one
// where there is any; empty where it is not known.
func (s *subject) modelOf(interfaces string) (model string) {
	if m := modelCondition().FindStringSubmatch(interfaces); m != nil {
		return m[1]
	}
	path, err := selector.Compile(interfaces + "/model/@type")
	if err != nil {
		return "" // it holds a variable
	}
	for _, d := range s.domains {
		nodes, err := path.Select(d, &selector.Budget{Context: context.Background()})
		if err != nil {
			return ""
		}
		for _, n := range nodes {
			if model = n.Text(); strings.HasPrefix(model, "virtio") {
				return model
			}
		}
	}
	return model
}
