// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lockdown

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// noticed waits until lockdown notices an attempt, for the API server learns of changed
// configurations and policies a moment later. Nothing is changed by that.
func (s *scene) noticed(t *testing.T, a attempt) {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	u := s.as(t, a.user)
	u.Client = client.NewDryRunClient(u.Client)
	must(t, s.Until(ctx, "lockdown notices it", func(context.Context) error {
		err := a.do(s, u)
		return a.lacks(fmt.Sprint(err, u.warnings.take()))
	}))
}

// lacks says what a message lacks.
func (a attempt) lacks(message string) error {
	for _, part := range append([]string{"lockdown: "}, a.want...) {
		if !strings.Contains(message, part) {
			return fmt.Errorf("%q lacks %q: %s", message, part, a.reason)
		}
	}
	return nil
}

// watch wants an attempt to pass, with a warning, and to be counted.
func (s *scene) watch(t *testing.T, a attempt) {
	s.noticed(t, a)
	before := s.counted(t, a.by)
	u := s.as(t, a.user)
	err := a.do(s, u)
	if apierrors.IsForbidden(err) || err != nil && !strings.HasPrefix(a.by, "domainpatch-launchers-exec") {
		t.Errorf("refused: %v: %s", err, a.reason)
	}
	if err := a.lacks(u.warnings.take()); err != nil {
		t.Errorf("the warning %v", err)
	}
	if after := s.counted(t, a.by); after <= before {
		t.Errorf("counted %v times, want more than %v", after, before)
	}
}

// refuse wants an attempt to be refused with a message that says what to do.
func (s *scene) refuse(t *testing.T, a attempt) {
	s.noticed(t, a)
	err := a.do(s, s.as(t, a.user))
	if !apierrors.IsForbidden(err) {
		t.Fatalf("%v, want Forbidden: %s", err, a.reason)
	}
	if err := a.lacks(err.Error()); err != nil {
		t.Error(err)
	}
}

// counted is how often attempts were noticed in the mode of the scene: by the webhook, or by
// a policy, which the API server counts.
func (s *scene) counted(t *testing.T, by string) float64 {
	t.Helper()
	if strings.HasPrefix(by, "domainpatch-") {
		return s.countedByServer(t, by)
	}
	families, err := ctrlmetrics.Registry.Gather()
	must(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if l := m.GetLabel(); family.GetName() == "domainpatch_lockdown_violations_total" && l[0].GetValue() == string(s.mode) && l[1].GetValue() == by {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

var checks = regexp.MustCompile(`(?m)^apiserver_validating_admission_policy_check_total\{(.*)\} (\d+)$`)

func (s *scene) countedByServer(t *testing.T, policy string) float64 {
	t.Helper()
	config := s.Config()
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	c, err := rest.UnversionedRESTClientFor(config)
	must(t, err)
	text, err := c.Get().AbsPath("/metrics").DoRaw(s.ctx)
	must(t, err)
	var sum float64
	for _, m := range checks.FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[1], strconv.Quote(policy)) && !strings.Contains(m[1], `enforcement_action="allow"`) {
			n, err := strconv.ParseFloat(m[2], 64)
			must(t, err)
			sum += n
		}
	}
	return sum
}

// policiesFitTypes wants the API server to find no mistake in the expressions of the policies.
func (s *scene) policiesFitTypes(t *testing.T) {
	var policies admissionregistrationv1.ValidatingAdmissionPolicyList
	must(t, s.Until(s.ctx, "the policies are checked", func(ctx context.Context) error {
		if err := s.List(ctx, &policies, client.MatchingLabels{"app.kubernetes.io/name": "domainpatch"}); err != nil {
			return err
		}
		for _, p := range policies.Items {
			if p.Status.TypeChecking == nil || p.Status.ObservedGeneration != p.Generation {
				return fmt.Errorf("%s is not", p.Name)
			}
		}
		return nil
	}))
	if len(policies.Items) != 6 {
		t.Errorf("%d policies, want 6", len(policies.Items))
	}
	for _, p := range policies.Items {
		for _, w := range p.Status.TypeChecking.ExpressionWarnings {
			t.Errorf("%s: %s: %s", p.Name, w.FieldRef, w.Warning)
		}
	}
}
