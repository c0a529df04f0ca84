// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/admission"
	"github.com/domainpatch/domainpatch/controllers/render"
)

const (
	foreign   = `{"image":"evil/sidecar:v1"}`
	anEntry   = `{"image":"example/shim:v1","args":["--version","v1alpha3","--bundle","/usr/bin/onDefineDomain","--sha256","` + aHash + `","--hooks","OnDefineDomain"],` + itsConfig + `}`
	itsConfig = `"configMap":{"name":"domainpatch-00112233445566778899aabbccddeeff","key":"bundle.json","hookPath":"/usr/bin/onDefineDomain"}`
	aHash     = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

// hooks are annotations with these entries.
func hooks(entries ...string) map[string]string {
	return map[string]string{v1alpha1.HookSidecarsAnnotation: "[" + strings.Join(entries, ",") + "]"}
}

// many are annotations with n entries of others that all differ, and more.
func many(n int, more ...string) map[string]string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"image":"%d"}`, i))
	}
	return hooks(append(all, more...)...)
}

func marked(annotations map[string]string) map[string]string {
	all := maps.Clone(annotations)
	if all == nil {
		all = map[string]string{}
	}
	all[v1alpha1.BundleAnnotation] = aHash
	return all
}

func replaced(entry, old, new string) map[string]string {
	changed := strings.Replace(entry, old, new, 1)
	if changed == entry {
		panic("nothing to replace: " + old)
	}
	return hooks(changed)
}

// carrier is an object that carries annotations where its resource does.
func carrier(resource string, annotations map[string]string) any {
	type object = map[string]any
	template := object{"metadata": object{"annotations": annotations}}
	switch resource {
	case "virtualmachineinstances":
		return template
	case "virtualmachinepools":
		return object{"spec": object{"virtualMachineTemplate": object{"spec": object{"template": template}}}}
	case "virtualmachines", "virtualmachineinstancereplicasets":
		return object{"spec": object{"template": template}, "metadata": object{"annotations": hooks(foreign)}}
	}
	return object{"spec": object{"annotations": annotations}}
}

// lockdownCase is a request, and what lockdown says to it.
type lockdownCase struct {
	reason        string
	resource      string // virtualmachines if empty
	before, after map[string]string
	err           []string // none: it passes
}

var lockdownCases = map[string]lockdownCase{
	"None":        {reason: "no annotation"},
	"Empty":       {reason: "an empty one", after: hooks()},
	"Image":       {reason: "any image runs beside the VM", after: hooks(foreign), err: []string{"hookSidecars: [0] runs image \"evil/sidecar:v1\"", "remove the entry"}},
	"Script":      {reason: "KubeVirt's shim runs it", after: hooks(`{"args":["--version","v1alpha2"],"configMap":{"name":"s","key":"k","hookPath":"/usr/bin/onDefineDomain"}}`), err: []string{"sidecar-shim"}},
	"Second":      {reason: "every entry counts", resource: "virtualmachineinstances", after: hooks(anEntry, foreign), err: []string{"[1] runs image"}},
	"Malformed":   {reason: "who knows what KubeVirt reads", after: map[string]string{v1alpha1.HookSidecarsAnnotation: "[{"}, err: []string{"not JSON"}},
	"WrongType":   {reason: "KubeVirt refuses it only later", after: hooks(`{"image":1}`), err: []string{"[0]", "image"}},
	"Twice":       {reason: "readers differ", after: hooks(`{"image":"a","image":"b"}`), err: []string{"twice"}},
	"Spelling":    {reason: "KubeVirt reads any case", resource: "virtualmachineinstances", after: replaced(anEntry, `"args"`, `"Command":["/bin/sh"],"args"`), err: []string{"another image, command or arguments"}},
	"Kept":        {reason: "the VM must still get its status", before: hooks(foreign), after: hooks(foreign)},
	"KeptBroken":  {reason: "likewise", before: map[string]string{v1alpha1.HookSidecarsAnnotation: "x"}, after: map[string]string{v1alpha1.HookSidecarsAnnotation: "x"}},
	"Fewer":       {reason: "a step to the better", before: hooks(foreign, `{"image":"b"}`), after: hooks(`{"image":"b"}`)},
	"Removed":     {reason: "the best step", before: hooks(foreign)},
	"More":        {reason: "what is there is no licence", before: hooks(foreign), after: hooks(foreign, `{"image":"b"}`), err: []string{"[1]", `"b"`}},
	"Again":       {reason: "nor for a second one of the kind", before: hooks(foreign), after: hooks(foreign, foreign), err: []string{"[1]"}},
	"Changed":     {reason: "another command is another program", before: hooks(foreign), after: hooks(`{"image":"evil/sidecar:v1","command":["x"]}`), err: []string{"[0]"}},
	"Reordered":   {reason: "all were there", before: hooks(foreign, anEntry, foreign), after: hooks(foreign, foreign, anEntry)},
	"ManyKept":    {reason: "the VM must still get its status", before: many(70), after: many(70)},
	"ManyFewer":   {reason: "a step to the better", before: many(70), after: many(69)},
	"Many":        {reason: "no VM runs with as many", before: many(65, foreign), after: many(65, `{"image":"c"}`), err: []string{"66 entries are more than the 64", "remove some"}},
	"ManyOurs":    {reason: "likewise, whoever wrote them", resource: "virtualmachineinstances", after: hooks(slices.Repeat([]string{anEntry}, 65)...), err: []string{"65 entries"}},
	"AfterBroken": {reason: "what cannot be read was not there", before: map[string]string{v1alpha1.HookSidecarsAnnotation: "x"}, after: hooks(foreign), err: []string{"[0]"}},

	"Ours":           {reason: "the webhook wrote it", resource: "virtualmachineinstances", after: marked(hooks(anEntry))},
	"OursCloudInit":  {reason: "the other hooks", resource: "virtualmachineinstances", after: replaced(anEntry, `"OnDefineDomain"]`, `"OnDefineDomain,PreCloudInitIso"]`)},
	"OursUpgraded":   {reason: "another version of the image", resource: "virtualmachineinstances", after: replaced(anEntry, "shim:v1", "shim@sha256:abc")},
	"OursClaim":      {reason: "of a ClusterDomainPatch, which another webhook compares", resource: "virtualmachineinstances", after: replaced(anEntry, `{"image"`, `{"pvc":{"name":"ovmf","volumePath":"/ovmf"},"image"`)},
	"OtherImage":     {reason: "our arguments for another program", resource: "virtualmachineinstances", after: replaced(anEntry, "example/shim", "evil/shim"), err: []string{"another image"}},
	"OtherCommand":   {reason: "another program of the image", resource: "virtualmachineinstances", after: replaced(anEntry, `{"image"`, `{"command":["/bin/sh"],"image"`), err: []string{"another image, command"}},
	"AllowExec":      {reason: "scripts", resource: "virtualmachineinstances", after: replaced(anEntry, `"--version"`, `"--allow-exec","--version"`), err: []string{"arguments"}},
	"OtherConfigMap": {reason: "another bundle under our hash", resource: "virtualmachineinstances", after: replaced(anEntry, `domainpatch-001`, `domainpatch-991`), err: []string{"arguments"}},
	"ShortHash":      {reason: "no hash", resource: "virtualmachineinstances", after: replaced(anEntry, aHash, "0011"), err: []string{"arguments"}},
	"HookPath":       {reason: "the bundle in the place of a script", resource: "virtualmachineinstances", after: replaced(anEntry, `"hookPath":"/usr/bin/onDefineDomain"`, `"hookPath":"/usr/bin/preCloudInitIso"`), err: []string{"arguments"}},

	"OnVM":         {reason: "written on VMIs alone", after: hooks(anEntry), err: []string{"[0] is for DomainPatch to write", "label domainpatch.kubevirt.io/NAME"}},
	"OnReplicaSet": {reason: "likewise", resource: "virtualmachineinstancereplicasets", after: hooks(anEntry), err: []string{"[0] is for DomainPatch to write"}},
	"MarkOnVM":     {reason: "likewise", after: marked(nil), err: []string{"annotation domainpatch.kubevirt.io/bundle is for DomainPatch"}},
	"MarkKept":     {reason: "it was there", before: marked(nil), after: marked(nil)},
	"Both":         {reason: "all at once", after: marked(hooks(foreign)), err: []string{"domainpatch.kubevirt.io/bundle", "[0] runs image"}},

	"Pool":              {reason: "VMs are made of it", resource: "virtualmachinepools", after: hooks(foreign), err: []string{"[0]"}},
	"PoolKept":          {reason: "the VM must still get its status", resource: "virtualmachinepools", before: hooks(foreign), after: hooks(foreign)},
	"ReplicaSet":        {reason: "VMIs are made of it", resource: "virtualmachineinstancereplicasets", after: hooks(foreign), err: []string{"[0]"}},
	"Instancetype":      {reason: "KubeVirt copies its annotations", resource: "virtualmachineinstancetypes", after: hooks(foreign), err: []string{"[0]"}},
	"ClusterPreference": {reason: "likewise", resource: "virtualmachineclusterpreferences", after: marked(nil), err: []string{"bundle"}},
	"Unknown":           {reason: "a mistake in the configuration", resource: "pods", err: []string{`"pods"`}},
}

func TestLockdown(t *testing.T) {
	for name, tc := range lockdownCases {
		t.Run(name, func(t *testing.T) {
			for _, mode := range []admission.LockdownMode{"", admission.LockdownOff, admission.LockdownAudit, admission.LockdownEnforce} {
				request := tc.request(t)
				before := violations(t, mode, request.Resource.Resource)
				response := ask(t, admission.Lockdown{Mode: mode, Image: render.Image{Name: "example/shim:v2"}}, request)
				tc.checkAnswer(t, mode, response)
				if more, want := violations(t, mode, request.Resource.Resource)-before, tc.violates(mode); (more == 1) != want || more > 1 {
					t.Errorf("%s: %v violations more, want one: %v", mode, more, want)
				}
			}
		})
	}
}

// TestLockdownManyEntries is about the time that as many entries as fit into an annotation take: in another
// order, or less one, they are compared with those from before.
func TestLockdownManyEntries(t *testing.T) {
	var all []string
	for i := range 14000 {
		all = append(all, fmt.Sprintf(`{"image":"%d"}`, i))
	}
	before := hooks(all...)
	slices.Reverse(all)
	for name, after := range map[string]map[string]string{"Reversed": hooks(all...), "Fewer": hooks(all[1:]...)} {
		start := time.Now()
		ask(t, admission.Lockdown{Mode: admission.LockdownAudit}, lockdownCase{before: before, after: after}.request(t))
		if took := time.Since(start); took > 5*time.Second { // 35 s where each is compared with each
			t.Errorf("%s: %s", name, took)
		}
	}
}

// violations is what domainpatch_lockdown_violations_total says.
func violations(t *testing.T, mode admission.LockdownMode, resource string) float64 {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if l := m.GetLabel(); family.GetName() == "domainpatch_lockdown_violations_total" && l[0].GetValue() == string(mode) && l[1].GetValue() == resource {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func (tc lockdownCase) violates(mode admission.LockdownMode) bool {
	return tc.err != nil && (mode == admission.LockdownAudit || mode == admission.LockdownEnforce)
}

func (tc lockdownCase) request(t *testing.T) admissionv1.AdmissionRequest {
	t.Helper()
	req := admissionv1.AdmissionRequest{UID: types.UID("1"), Operation: admissionv1.Create, Resource: metav1.GroupVersionResource{Resource: tc.resource}}
	if tc.resource == "" {
		req.Resource.Resource = "virtualmachines"
	}
	var err error
	if req.Object.Raw, err = json.Marshal(carrier(req.Resource.Resource, tc.after)); err != nil {
		t.Fatal(err)
	}
	if tc.before != nil {
		req.Operation = admissionv1.Update
		if req.OldObject.Raw, err = json.Marshal(carrier(req.Resource.Resource, tc.before)); err != nil {
			t.Fatal(err)
		}
	}
	return req
}

func (tc lockdownCase) checkAnswer(t *testing.T, mode admission.LockdownMode, response *admissionv1.AdmissionResponse) {
	t.Helper()
	if refused := tc.violates(mode) && mode == admission.LockdownEnforce; response.Allowed == refused {
		t.Fatalf("%s: allowed %v, %+v: %s", mode, response.Allowed, response.Result, tc.reason)
	}
	var messages []string
	switch {
	case !response.Allowed && response.Result.Code != http.StatusForbidden:
		t.Errorf("%s: code %d", mode, response.Result.Code)
	case !response.Allowed:
		messages = []string{response.Result.Message}
	case tc.violates(mode):
		messages = append(slices.Clone(response.Warnings), response.AuditAnnotations["lockdown"])
		if len(messages) != 2 {
			t.Errorf("%s: warnings %q, want one", mode, response.Warnings)
		}
	case len(response.Warnings)+len(response.AuditAnnotations) > 0:
		t.Errorf("%s: warnings %q, audit annotations %q, want none", mode, response.Warnings, response.AuditAnnotations)
	}
	for _, message := range messages {
		if strings.Contains(message, "\n") {
			t.Errorf("%s: the API server drops messages of several lines: %q", mode, message)
		}
		for _, part := range append(slices.Clone(tc.err), "lockdown: ") {
			if !strings.Contains(message, part) {
				t.Errorf("%s: message %q lacks %q", mode, message, part)
			}
		}
	}
}

// ask sends a request to the webhook, the way the API server does.
func ask(t *testing.T, lockdown admission.Lockdown, request admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	t.Helper()
	server := webhook.NewServer(webhook.Options{WebhookMux: http.NewServeMux()})
	(&admission.Webhooks{Lockdown: lockdown}).Register(server)
	body, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &request})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, admission.PathLockdown, strings.NewReader(string(body)))
	req.Header.Set("Content-Type", runtime.ContentTypeJSON)
	recorder := httptest.NewRecorder()
	server.WebhookMux().ServeHTTP(recorder, req)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil || review.Response == nil {
		t.Fatalf("%v: %s", err, recorder.Body)
	}
	return review.Response
}
