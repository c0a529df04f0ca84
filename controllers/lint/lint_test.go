// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/antchfx/xmlquery"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/config"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// clusterPatch is a ClusterDomainPatch, which no policy denies anything.
func clusterPatch(spec string) string {
	return "apiVersion: domainpatch.kubevirt.io/v1alpha1\nkind: ClusterDomainPatch\nmetadata: {name: p}\nspec:\n  " + spec
}

const oneDisk = `<domain type="kvm"><devices><disk device="disk"><target dev="vda" bus="virtio"/><alias name="ua-root"/></disk></devices></domain>`

func interfaces(model string) string {
	return `<domain type="kvm"><devices><interface type="ethernet"><model type="` + model + `"/><alias name="ua-a"/></interface></devices></domain>`
}

// TestWarnings pins what is warned of, and above all what is not.
func TestWarnings(t *testing.T) {
	cases := map[string]struct {
		reason string
		spec   string
		want   []string
		domain string
	}{
		"Positions":          {"by position()", `domain: [{op: remove, path: "/domain/devices/disk[position()=2]"}]`, []string{"DP104"}, ""},
		"LastDescendant":     {"by last(), anywhere", `domain: [{op: remove, path: "//interface[last()]"}]`, []string{"DP104"}, ""},
		"PositionElsewhere":  {"boot devices have an order", `domain: [{op: remove, path: "/domain/os/boot[1]"}]`, nil, ""},
		"OneOfDisks":         {"an alias tells a disk apart", `domain: [{op: set, path: "/domain/devices/disk[alias/@name='ua-a']/iotune/total_iops_sec", value: "5"}]`, nil, ""},
		"EveryInterface":     {"hotplugged ones lack it", `domain: [{op: set, path: /domain/devices/interface/bandwidth/inbound/@average, value: "5"}]`, []string{"DP109", "DP120"}, ""},
		"Bandwidth":          {"libvirt refuses it", `domain: [{op: add, path: "/domain/devices/interface[alias/@name='ua-a']", xml: "<bandwidth><inbound average='1'/></bandwidth>"}]`, []string{"DP120"}, ""},
		"NoBandwidth":        {"taken away", `domain: [{op: remove, path: "/domain/devices/interface[alias/@name='ua-a']/bandwidth"}]`, nil, ""},
		"MTU":                {"of an unknown model", `domain: [{op: set, path: "/domain/devices/interface[alias/@name='ua-a']/mtu/@size", value: "9000"}]`, nil, ""},
		"MTUOfModel":         {"of a model that the path names", `domain: [{op: set, path: "/domain/devices/interface[model/@type='e1000e'][alias/@name='ua-a']/mtu/@size", value: "9000"}]`, []string{"DP121"}, ""},
		"MTUOfVirtio":        {"of KubeVirt's virtio model", `domain: [{op: set, path: "/domain/devices/interface[model/@type='virtio-non-transitional'][alias/@name='ua-a']/mtu/@size", value: "9000"}]`, nil, ""},
		"MTUOfNew":           {"of an interface of ours", `domain: [{op: add, path: /domain/devices, xml: "<interface type='ethernet'><mac address='02:00:00:00:00:01'/><model type='e1000e'/><mtu size='9000'/></interface>"}]`, []string{"DP121"}, ""},
		"MTUOfChanged":       {"another rule writes the model", `domain: [{op: set, path: "/domain/devices/interface[alias/@name='ua-a']/mtu/@size", value: "9000"}, {op: set, path: "/domain/devices/interface[alias/@name='ua-a']/model/@type", value: vmxnet3}]`, []string{"DP121"}, ""},
		"MTUOfGiven":         {"in the domain that was given", `domain: [{op: set, path: "/domain/devices/interface[alias/@name='ua-a']/mtu/@size", value: "9000"}]`, []string{"DP121"}, interfaces("e1000")},
		"MTUOfGivenVirtio":   {"the same of a virtio one", `domain: [{op: set, path: "/domain/devices/interface[alias/@name='ua-a']/mtu/@size", value: "9000"}]`, nil, interfaces("virtio")},
		"TestOfEvery":        {"a test changes nothing", `domain: [{op: test, path: /domain/devices/interface}]`, nil, ""},
		"SiblingAttribute":   {"KubeVirt has rx, libvirt tx", `domain: [{op: set, path: "/domain/devices/interface[alias/@name='ua-a']/driver/@tx_queue_size", value: "512"}]`, nil, ""},
		"Misspelt":           {"in a fragment", `domain: [{op: add, path: /domain/devices, xml: "<wachdog model='i6300esb' action='pause'/>"}]`, []string{"DP105"}, ""},
		"NotLike":            {"a new name of libvirt's is like no other", `domain: [{op: set, path: /domain/features/somethingnew/@state, value: "on"}]`, nil, ""},
		"WrongCase":          {"names have a case", `domain: [{op: set, path: /domain/memoryBacking/noSharePages/@x, value: "on"}]`, []string{"DP105"}, ""},
		"AttributeElsewhere": {"serial is an element", `domain: [{op: replace, path: "/domain/devices/disk/@serial", value: "x"}]`, []string{"DP106", "DP109"}, ""},
		"NoElement":          {"KubeVirt writes no shmem", `domain: [{op: replace, path: /domain/devices/shmem/size, value: "4"}]`, []string{"DP106"}, ""},
		"MadeAbove":          {"a rule above adds it", `domain: [{op: add, path: /domain/devices, xml: "<shmem name='a'><size>1</size></shmem>"}, {op: replace, path: "/domain/devices/shmem[@name='a']/size", value: "4"}]`, nil, ""},
		"MayBeMade":          {"nobody can tell where the rule above writes", `domain: [{op: add, path: "/domain/devices/memballoon/..", xml: "<shmem name='a'><size>1</size></shmem>"}, {op: replace, path: "/domain/devices/shmem[@name='a']/size", value: "4"}]`, nil, ""},
		"SetMakes":           {"set makes what is not there", `domain: [{op: set, path: /domain/pm/suspend-to-mem/@enabled, value: "no"}]`, nil, ""},
		"OneOfUnion":         {"one alternative may match", `domain: [{op: remove, path: "/domain/devices/shmem|/domain/devices/video"}]`, nil, ""},
		"QEMU":               {"KubeVirt writes qemu:commandline", `domain: [{op: remove, path: "/domain/qemu:commandline/qemu:arg[@value='-x']"}]`, nil, ""},
		"NoSuchDisk":         {"not in the domain that was given", `domain: [{op: set, path: "/domain/devices/disk[alias/@name='ua-data']/iotune/total_iops_sec", value: "5"}]`, []string{"DP106"}, oneDisk},
		"ThatDisk":           {"in the domain that was given", `domain: [{op: set, path: "/domain/devices/disk[alias/@name='ua-root']/iotune/total_iops_sec", value: "5"}]`, nil, oneDisk},
		"NoFieldForQueues":   {"the VM API turns several queues on, and has no number of them", `domain: [{op: set, path: "/domain/devices/interface[alias/@name='ua-a']/driver/@queues", value: "2"}]`, nil, ""},
		"NoFieldForQueuesB":  {"the same of disks", `domain: [{op: set, path: "/domain/devices/disk[alias/@name='ua-a']/driver/@queues", value: "2"}]`, nil, ""},
		"NoFieldForIOThread": {"the VM API gives a disk a thread of its own, and does not say which", `domain: [{op: set, path: "/domain/devices/disk[alias/@name='ua-a']/driver/@iothread", value: "2"}]`, nil, ""},
		"NoFieldForPins":     {"the VM API pins CPUs, and does not say where", `domain: [{op: set, path: "/domain/cputune/vcpupin[@vcpu='0']/@cpuset", value: "4"}, {op: set, path: /domain/cputune/emulatorpin/@cpuset, value: "5"}]`, nil, ""},
		"DiskOfVariable":     {"known when a VM starts", `{variables: [{name: d, expression: "'x'"}], domain: [{op: set, path: "/domain/devices/disk[alias/@name='$(d)']/iotune/total_iops_sec", value: "5"}]}`, nil, oneDisk},
		"VMAPI":              {"one field", `domain: [{op: set, path: /domain/features/smm/@state, value: "on"}]`, []string{"DP101"}, ""},
		"VMAPIRemoval":       {"no field takes a serial number away", `domain: [{op: remove, path: "/domain/devices/disk[alias/@name='ua-a']/serial"}]`, nil, ""},
		"MadeAttribute":      {"a rule above writes it", `domain: [{op: set, path: /domain/memory/@dumpCore, value: "on"}, {op: replace, path: /domain/memory/@dumpCore, value: "off"}]`, []string{"DP115"}, ""},
		"OptionalLater":      {"the later rule may not come about", `domain: [{op: set, path: /domain/title, value: a}, {op: set, path: /domain/title, value: b, expect: Any}]`, nil, ""},
		"RandomKey":          {"letters and digits as a generator makes them", `domain: [{op: set, path: /domain/title, value: q7Zp2LwXv9RtK4sBn8YdM3fHj6GcQ1aE}]`, []string{"DP108"}, ""},
		"VMAPIValue":         {"the field cannot say unsafe", `domain: [{op: set, path: "/domain/devices/disk[alias/@name='ua-a']/driver/@cache", value: unsafe}]`, nil, ""},
		"VMAPIUnknownValue":  {"the value may be one that the field cannot say", `domain: [{op: set, path: "/domain/devices/disk[alias/@name='ua-a']/driver/@cache", expression: "vmi.metadata.name"}]`, nil, ""},
		"VMAPIPart":          {"the rest of the device is in no field", `domain: [{op: add, path: /domain/devices, xml: "<sound model='ich9'><codec type='micro'/></sound>"}]`, nil, ""},
		"VMAPIWhole":         {"all of the device is in one field", `domain: [{op: add, path: /domain/devices, xml: "<sound model='ich9'/>"}]`, []string{"DP101"}, ""},
		"VMAPIRemoved":       {"by removal", `domain: [{op: remove, path: /domain/devices/memballoon}]`, []string{"DP101"}, ""},
		"VMAPIOtherEntry":    {"the family has no field", `domain: [{op: set, path: "/domain/sysinfo[@type='smbios']/system/entry[@name='family']", value: x}]`, nil, ""},
		"Owned":              {"KubeVirt's own", `domain: [{op: set, path: "/domain/devices/disk[target/@dev='vda']/alias/@name", value: ua-x}]`, []string{"DP103"}, ""},
		"AliasOfNew":         {"of a device of ours", `domain: [{op: add, path: /domain/devices, xml: "<disk type='file' device='disk'><source file='/x'/><target dev='vdz' bus='virtio'/><alias name='ua-z'/></disk>"}]`, nil, ""},
		"Pattern":            {"a pattern limits it", `{variables: [{name: m, expression: "vmi.metadata.annotations['a']", pattern: "[a-z]+"}], domain: [{op: set, path: /domain/title, expression: variables.m}]}`, nil, ""},
		"CatchAll":           {"that pattern does not", `{variables: [{name: m, expression: "vmi.metadata.annotations['a']", pattern: ".*"}], domain: [{op: set, path: /domain/title, expression: variables.m}]}`, []string{"DP111"}, ""},
		"Direct":             {"without a variable", `domain: [{op: set, path: /domain/title, expression: "vmi.metadata.annotations['a']"}]`, []string{"DP111"}, ""},
		"Number":             {"a number is no text of the owner's", `domain: [{op: set, path: /domain/title, expression: "int(vmi.metadata.annotations['a'])"}]`, nil, ""},
		"OwnName":            {"Kubernetes limits names", `domain: [{op: set, path: /domain/title, expression: "vmi.metadata.name"}]`, nil, ""},
		"SelectsSome":        {"matchConditions limit it", `{selector: {}, matchConditions: [{name: a, expression: "true"}], domain: [{op: set, path: /domain/title, value: x}]}`, nil, ""},
		"SelectsNamespaces":  {"namespaces limit it", `{selector: {}, namespaceSelector: {matchLabels: {a: b}}, domain: [{op: set, path: /domain/title, value: x}]}`, nil, ""},
		"UsedInXML":          {"as $(NAME)", `{variables: [{name: v, expression: "'x'"}], domain: [{op: merge, xml: "<domain><title>$(v)</title></domain>"}]}`, nil, ""},
		"UsedInVariable":     {"by another variable", `{variables: [{name: v, expression: "'x'"}, {name: w, expression: "variables.v"}], domain: [{op: set, path: /domain/title, expression: variables.w}]}`, nil, ""},
		"LongerName":         {"another name that begins alike", `{variables: [{name: v, expression: "'x'"}, {name: vw, expression: "'x'"}], domain: [{op: set, path: /domain/title, expression: variables.vw}]}`, []string{"DP114"}, ""},
		"WrittenIf":          {"the later rule may be skipped", `domain: [{op: set, path: /domain/title, value: a}, {op: set, path: /domain/title, value: b, when: "vmi.metadata.name == 'x'"}]`, nil, ""},
		"WrittenAfterTest":   {"a test reads it in between", `domain: [{op: set, path: /domain/title, value: a}, {op: test, path: "/domain/title[.='a']"}, {op: set, path: /domain/title, value: b}]`, nil, ""},
		"Ignored":            {"no launch security", `{failurePolicy: Ignore, domain: [{op: merge, xml: "<domain><launchSecurity type='sev'><policy>0x3</policy><cbitpos>1</cbitpos></launchSecurity></domain>"}]}`, []string{"DP112"}, ""},
		"IgnoredTitle":       {"a title protects nothing", `{failurePolicy: Ignore, domain: [{op: set, path: /domain/title, value: a}]}`, nil, ""},
		"Hash":               {"of a password", `cloudInit: [{target: userData, op: merge, yaml: "users: [{name: a, passwd: $6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn}]"}]`, []string{"DP108"}, ""},
		"NoSecrets":          {"keys, names and switches", `cloudInit: [{target: userData, op: merge, value: {ssh_pwauth: false, lock_passwd: true, ssh_authorized_keys: ["ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7vbqajDhA9fXW3yJ4bZkq8Qn0Uo a@b"], chpasswd: {expire: false}, secret: ""}}]`, nil, ""},
		"SecretOfVariable":   {"the text is not in the patch", `{variables: [{name: v, expression: "vmi.metadata.name"}], cloudInit: [{target: userData, op: add, path: /password, value: $(v)}]}`, nil, ""},
		"UUID":               {"is no secret", `domain: [{op: set, path: /domain/title, value: "4f8e1f66-8d8c-4a3b-8f0a-5c1de0000002 /var/run/kubevirt-private/vmi-disks/rootdisk/disk.img"}]`, nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := tc.spec
			if strings.HasPrefix(spec, "{") {
				spec = strings.TrimSuffix(strings.TrimPrefix(spec, "{"), "}")
				spec = "{" + spec + "}"
				spec = strings.Replace(clusterPatch(spec), "spec:\n  ", "spec: ", 1)
			} else {
				spec = clusterPatch(spec)
			}
			var domains []string
			if tc.domain != "" {
				domains = append(domains, tc.domain)
			}
			got, _ := read(t, Options{}, spec, domains...)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestSecretsStayIn looks for a secret in all that is said about it.
func TestSecretsStayIn(t *testing.T) {
	const secret = "hunter2hunter2"
	l, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.Read("a.yaml", []byte(clusterPatch(`cloudInit: [{target: userData, op: add, path: /password, value: `+secret+`}]`)))
	findings, _ := l.Findings()
	if len(findings) != 1 || findings[0].Code != Secret || findings[0].Line != 5 {
		t.Fatalf("got %d findings, want %s in line 5", len(findings), Secret.ID)
	}
	if f := findings[0]; strings.Contains(f.Message+f.Fix+f.Excerpt+f.Field, secret) {
		t.Errorf("the secret is shown: %q, %q, %q", f.Message, f.Fix, f.Excerpt)
	}
}

// TestSecretsBesideStayIn looks for a secret in the findings about what stands in its line.
func TestSecretsBesideStayIn(t *testing.T) {
	for name, tc := range map[string]struct{ reason, spec, secret, code string }{
		"warning":  {"the path counts", `domain: [{op: set, path: "/domain/devices/disk[1]/driver/@cache", value: AKIAIOSFODNN7EXAMPLE}]`, "AKIAIOSFODNN7EXAMPLE", PositionInList.ID},
		"key":      {"the path counts", `domain: [{op: set, path: "/domain/devices/graphics[1]/@passwd", value: hunter2}]`, "hunter2", PositionInList.ID},
		"error":    {"it does not compile", `domain: [{op: merge, path: /domain/devices, xml: "<graphics passwd='hunter2'/>"}]`, "hunter2", DoesNotCompile.ID},
		"unread":   {"a field is unknown", `cloudInit: [{target: userData, op: add, path: /a, value: {password: hunter2}, frob: 1}]`, "hunter2", Unreadable.ID},
		"conflict": {"two write one place", `domain: [{op: set, path: "/domain/devices/graphics/@passwd", value: hunter2}, {op: set, path: "/domain/devices/graphics/@passwd", value: hunter2}]`, "hunter2", Overwritten.ID},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := New(Options{})
			if err != nil {
				t.Fatal(err)
			}
			l.Read("a.yaml", []byte(clusterPatch(tc.spec)))
			findings, _ := l.Findings()
			if !slices.ContainsFunc(findings, func(f Finding) bool { return f.ID == tc.code }) {
				t.Errorf("%s, but there is no %s", tc.reason, tc.code)
			}
			for _, f := range findings {
				if strings.Contains(f.Message+f.Fix+f.Excerpt+f.Field, tc.secret) {
					t.Errorf("%s: %s shows the secret: %q, %q, %q", tc.reason, f.ID, f.Message, f.Fix, f.Excerpt)
				}
			}
		})
	}
}

// TestVMFields checks by reflection that the VM API has every field of the table, and that
// KubeVirt's domains have the places.
func TestVMFields(t *testing.T) {
	if len(vmFields) < 30 {
		t.Errorf("%d rows, want at least 30", len(vmFields))
	}
	for _, f := range vmFields {
		in := reflect.TypeFor[kubevirtv1.VirtualMachineInstanceSpec]()
		for _, name := range strings.Split(f.field, ".") {
			name, isList := strings.CutSuffix(name, "[]")
			next, found := fieldByJSON(in, name)
			if !found || isList != (next.Kind() == reflect.Slice) {
				t.Errorf("%s: there is no field %s", f.field, name)
				break
			}
			if isList {
				next = next.Elem()
			}
			in = next
		}
		path, err := selector.Compile(f.shape)
		if err != nil {
			t.Fatal(err)
		}
		if reason := notInSchema(path.Steps(), nil); reason != "" && f.shape != "/domain/features/smm/@state" {
			t.Errorf("%s: %s", f.shape, reason)
		}
	}
}

// fieldByJSON finds a field by its name in JSON, also of embedded structs, behind pointers.
func fieldByJSON(in reflect.Type, name string) (reflect.Type, bool) {
	for in.Kind() == reflect.Pointer {
		in = in.Elem()
	}
	if in.Kind() != reflect.Struct {
		return nil, false
	}
	for i := range in.NumField() {
		f := in.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == name {
			return f.Type, true
		}
		if f.Anonymous && tag == "" {
			if found, ok := fieldByJSON(f.Type, name); ok {
				return found, true
			}
		}
	}
	return nil, false
}

// TestSamples wants samples and the default policy to be clean, or to say why they are not.
func TestSamples(t *testing.T) {
	inputs, err := offline.Inputs([]string{"../../config/samples"})
	if err != nil {
		t.Fatal(err)
	}
	cases, silenced := 0, 0
	for _, in := range inputs {
		if in.Case == "" {
			continue
		}
		cases++
		l, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if in.Domain != "" {
			xml, err := os.ReadFile(in.Domain)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Domain(xml); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(in.Name)
		if err != nil {
			t.Fatal(err)
		}
		l.Read(in.Name, data)
		findings, silent := l.Findings()
		silenced += silent
		for _, f := range findings {
			t.Errorf("%s: %s: %s", f.Position, f.ID, f.Message)
		}
	}
	t.Logf("%d samples, %d silenced warnings", cases, silenced)
	if found, _ := read(t, Options{}, string(config.DefaultPolicy)); len(found) > 0 {
		t.Errorf("the default policy gives %q", found)
	}
	if cases < 50 {
		t.Errorf("%d samples", cases)
	}
}

// TestKubeVirtsDomains goes through domains that KubeVirt wrote: whatever is in them is known, and
// is never said to match nothing.
func TestKubeVirtsDomains(t *testing.T) {
	files, err := filepath.Glob("../../patch/testdata/domains/*.xml")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	nodes := 0
	for _, file := range files {
		xml, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := document.Parse(xml)
		if err != nil {
			t.Fatal(err)
		}
		var visit func(n *xmlquery.Node, shape string)
		visit = func(n *xmlquery.Node, shape string) {
			if n.NamespaceURI != "" {
				return
			}
			shape += "/" + n.Data
			shapes := []string{shape}
			for _, a := range n.Attr {
				if !document.IsDeclaration(&a) && a.NamespaceURI == "" {
					shapes = append(shapes, shape+"/@"+a.Name.Local, fmt.Sprintf("%s[@%s='x']", shape, a.Name.Local))
				}
			}
			for _, s := range shapes {
				nodes++
				path, err := selector.Compile(s)
				if err != nil {
					t.Fatal(err)
				}
				if reason := notInSchema(path.Steps(), nil); reason != "" {
					t.Errorf("%s: %s: %s", file, s, reason)
				}
				if wrong, meant := misspelt(s); meant != "" {
					t.Errorf("%s: %s: %s is said to mean %s", file, s, wrong, meant)
				}
			}
			for _, c := range document.Elements(n) {
				visit(c, shape)
			}
		}
		visit(d.Element(), "")
	}
	if nodes < 500 {
		t.Errorf("%d places", nodes)
	}
}

// TestReaching wants every rule of the list to compile, and to be denied by the default policy.
func TestReaching(t *testing.T) {
	if got := len(reachingPlaces()); got != len(reaching) {
		t.Errorf("%d of %d rules compile", got, len(reaching))
	}
}

// FuzzRead feeds it with whatever: no panic, and lines that exist, but where YAML ends lines and editors do not.
func FuzzRead(f *testing.F) {
	f.Add(clusterPatch(`domain: [{op: remove, path: "/domain/devices/disk[position()=2]"}]`))
	f.Add(string(config.DefaultPolicy))
	f.Add("a: [")
	if text, err := os.ReadFile("../crd/testdata/whole.yaml"); err == nil {
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		options := Options{Plugins: true}
		objects, _, _ := offline.ParseObjects("fuzz.yaml", []byte(text))
		options.Among(objects)
		l, err := New(options)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Domain([]byte(oneDisk)); err != nil {
			t.Fatal(err)
		}
		l.Read("fuzz.yaml", []byte(text))
		findings, _ := l.Findings()
		lines := strings.Count(text, "\n") + 1
		hasLines := utf8.ValidString(text) && !strings.ContainsAny(strings.ReplaceAll(text, "\r\n", "\n"), "\r\u0085\u2028\u2029")
		for _, f := range findings {
			if hasLines && f.Line > lines || f.Code == nil {
				t.Errorf("%s at line %d of %d", f.Message, f.Line, lines)
			}
		}
	})
}

// TestPolicyOfAnotherNamespace checks that a policy limits the namespaces alone that it selects.
func TestPolicyOfAnotherNamespace(t *testing.T) {
	policy := v1alpha1.DomainPatchPolicy{}
	policy.Name = "limits"
	policy.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"limited": "yes"}}
	policy.Spec.Allow = []v1alpha1.AllowedPath{{Path: "/domain/cpu"}}
	options := Options{Policies: []v1alpha1.DomainPatchPolicy{policy}, Namespaces: map[string]map[string]string{"free": nil, "bound": {"limited": "yes"}}}
	for namespace, want := range map[string][]string{"free": nil, "bound": {Denied.ID}} {
		got, _ := read(t, options, "apiVersion: domainpatch.kubevirt.io/v1alpha1\nkind: DomainPatch\nmetadata: {name: p, namespace: "+namespace+"}\n"+
			"spec: {domain: [{op: set, path: /domain/title, value: a}]}\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in namespace %s (-want +got):\n%s", namespace, diff)
		}
	}
}
