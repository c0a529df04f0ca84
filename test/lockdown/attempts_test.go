// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lockdown

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// What somebody may want to run beside a VM.
const (
	foreign = `{"image":"evil/sidecar:v1"}`
	another = `{"image":"evil/another:v1"}`
	script  = `{"args":["--version","v1alpha2"],"configMap":{"name":"script","key":"run.sh","hookPath":"/usr/bin/onDefineDomain"}}`
	claim   = `{"image":"evil/sidecar:v1","pvc":{"name":"claim","volumePath":"/x","sharedComputePath":"/usr/bin"}}`
)

func hooks(entries ...string) map[string]any {
	return map[string]any{v1alpha1.HookSidecarsAnnotation: "[" + strings.Join(entries, ",") + "]"}
}

// attempt is one to get past the guard rails.
type attempt struct {
	name, reason string
	user         string
	by           string // the ValidatingAdmissionPolicy that notices it, or the resource that the webhook counts
	do           func(*scene, *user) error
	want         []string // in the message
}

// attempts do the same thing again where they are repeated. They are made of objects whose names tell them apart.
var attempts = []attempt{
	{"Image", "any image", owner, "virtualmachines", create(func(s *scene) client.Object { return s.vm("image", hooks(foreign)) }), []string{`[0] runs image "evil/sidecar:v1"`, "remove the entry"}},
	{"Script", "KubeVirt's shim runs a script of a ConfigMap", owner, "virtualmachines", create(func(s *scene) client.Object { return s.vm("script", hooks(script)) }), []string{"[0] runs KubeVirt's sidecar-shim"}},
	{"SharedPath", "a volume of one's own over the programs of virt-launcher", owner, "virtualmachines", create(func(s *scene) client.Object { return s.vm("claim", hooks(claim)) }), []string{"[0]"}},
	{"OurImageOtherCommand", "our image, another program", owner, "virtualmachines",
		create(func(s *scene) client.Object {
			return s.vm("command", hooks(`{"image":"`+shimImage+`","command":["/shim","--allow-exec"]}`))
		}), []string{"[0]"}},
	{"OtherBundle", "the bundle of another VM", owner, "virtualmachines", create(func(s *scene) client.Object { return s.vm("bundle", s.annotationsOfPatched()) }),
		[]string{"annotation domainpatch.kubevirt.io/bundle is for DomainPatch to write", "[0] is for DomainPatch to write"}},
	{"BundleAnnotation", "the mark alone", owner, "virtualmachines",
		create(func(s *scene) client.Object {
			return s.vm("mark", map[string]any{v1alpha1.BundleAnnotation: strings.Repeat("0", 64)})
		}), []string{"annotation domainpatch.kubevirt.io/bundle"}},
	{"Malformed", "what KubeVirt reads and we do not", owner, "virtualmachines",
		create(func(s *scene) client.Object {
			return s.vm("malformed", map[string]any{v1alpha1.HookSidecarsAnnotation: foreign})
		}), []string{"not a JSON array"}},
	{"OldVersion", "by another version of the API", owner, "virtualmachines", create(func(s *scene) client.Object {
		vm := s.vm("old-version", hooks(foreign))
		vm.SetAPIVersion("kubevirt.io/v1alpha3")
		return vm
	}), []string{"[0]"}},
	{"LaterInVM", "into a VM that was accepted without", owner, "virtualmachines", merge("VirtualMachine", "plain",
		map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": hooks(foreign)}}}}), []string{"[0]"}},
	{"MoreInVM", "beside an entry that was there", owner, "virtualmachines", merge("VirtualMachine", "stopped",
		map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": hooks(foreign, another)}}}}), []string{"[1]"}},
	{"AsController", "what KubeVirt restores from a snapshot, or clones", controller, "virtualmachines", create(func(s *scene) client.Object { return s.vm("restored", hooks(foreign)) }), []string{"[0]"}},
	{"Pool", "a pool makes VMs", owner, "virtualmachinepools", create(func(s *scene) client.Object {
		return s.object("pool.kubevirt.io/v1beta1", "VirtualMachinePool", "pool", poolSpec())
	}), []string{"[0]"}},
	{"PoolOldVersion", "likewise", owner, "virtualmachinepools", create(func(s *scene) client.Object {
		return s.object("pool.kubevirt.io/v1alpha1", "VirtualMachinePool", "pool-old", poolSpec())
	}), []string{"[0]"}},
	{"ReplicaSet", "a replica set makes VMIs", owner, "virtualmachineinstancereplicasets", create(func(s *scene) client.Object {
		return s.object("kubevirt.io/v1", "VirtualMachineInstanceReplicaSet", "set", map[string]any{"replicas": int64(0),
			"selector": map[string]any{"matchLabels": map[string]any{"vm": "set"}}, "template": template("set", hooks(foreign))})
	}), []string{"[0]"}},
	{"Instancetype", "KubeVirt copies its annotations", owner, "virtualmachineinstancetypes", create(func(s *scene) client.Object {
		return s.object("instancetype.kubevirt.io/v1beta1", "VirtualMachineInstancetype", "type", instancetype(hooks(foreign)))
	}), []string{"[0]"}},
	{"Preference", "likewise", owner, "virtualmachinepreferences", create(func(s *scene) client.Object {
		return s.object("instancetype.kubevirt.io/v1beta1", "VirtualMachinePreference", "preference", map[string]any{"annotations": hooks(foreign)})
	}), []string{"[0]"}},
	{"VMI", "without a VM", owner, "virtualmachineinstances", create(func(s *scene) client.Object { return s.vmi("direct", hooks(foreign)) }), []string{"[0]"}},
	{"VMIBeforeOurs", "beside the entry that we add", owner, "virtualmachineinstances", create(func(s *scene) client.Object { // labelled to be patched
		vmi := s.vmi("beside", hooks(foreign))
		vmi.SetLabels(map[string]string{"vm": "patched"})
		return vmi
	}), []string{"[0]"}},

	{"Bundle", "a bundle of one's own", admin, "domainpatch-bundles", create(func(s *scene) client.Object { return s.configMap("domainpatch-00112233445566778899aabbccddeeff", "") }), []string{"is DomainPatch's to write"}},
	{"BundleLabel", "a ConfigMap that looks like one to the operator", admin, "domainpatch-bundles", create(func(s *scene) client.Object { return s.configMap("mine", "00112233445566778899aabbccddeeff") }), []string{"labelled bundle.domainpatch.kubevirt.io/id"}},
	{"EditedBundle", "a bundle that VMs use", admin, "domainpatch-bundles", changeBundle(types.MergePatchType, `{"metadata":{"annotations":{"x":"y"}}}`), []string{"is DomainPatch's to write"}},
	{"BundleHeld", "one that does not go", admin, "domainpatch-bundles", changeBundle(types.MergePatchType, `{"metadata":{"finalizers":["example.com/x"]}}`), []string{"is DomainPatch's to write"}},
	{"BundleFreed", "one that goes, labelled", admin, "domainpatch-bundles", changeBundle(types.MergePatchType, `{"metadata":{"finalizers":null,"labels":{"x":"y"}}}`), []string{"is DomainPatch's to write"}},
	{"BundleUnlabelled", "one that the operator forgets", admin, "domainpatch-bundles", changeBundle(types.JSONPatchType, `[{"op":"remove","path":"/metadata/labels"}]`), []string{"is DomainPatch's to write"}},
	{"MigrationState", "a pod that says that it is the target of a migration", owner, "domainpatch-vmi-status", create(func(s *scene) client.Object {
		vmi := s.vmi("migrating", nil)
		vmi.Object["status"] = map[string]any{"migrationState": map[string]any{"targetPod": "p", "targetNode": "n"}}
		return vmi
	}), []string{"status.migrationState"}},
	{"ActivePods", "a pod of one's own that virt-handler takes for the VM's", owner, "domainpatch-vmi-status", create(func(s *scene) client.Object {
		vmi := s.vmi("active", nil)
		vmi.Object["status"] = map[string]any{"activePods": map[string]any{"0": "node"}, "nodeName": "node"}
		return vmi
	}), []string{"status.activePods"}},
	{"Namespace", "out of the webhooks' reach", admin, "domainpatch-namespaces", func(s *scene, u *user) error {
		return u.Patch(s.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.spare()}},
			client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"domainpatch.kubevirt.io/inject":"disabled"}}}`)))
	}, []string{"the label domainpatch.kubevirt.io/inject"}},
	{"NamespaceFinalize", "likewise, by a subresource", admin, "domainpatch-namespaces", func(s *scene, u *user) error {
		namespace := &corev1.Namespace{}
		if err := u.Get(s.ctx, client.ObjectKey{Name: s.spare()}, namespace); err != nil {
			return err
		}
		metav1.SetMetaDataLabel(&namespace.ObjectMeta, v1alpha1.InjectLabel, "other")
		return u.SubResource("finalize").Update(s.ctx, namespace)
	}, []string{"the label domainpatch.kubevirt.io/inject"}},
	{"Pod", "a pod that says that it is KubeVirt's", admin, "domainpatch-launchers", create(func(s *scene) client.Object {
		return s.pod("launcher", map[string]string{"kubevirt.io": "virt-launcher"}, nil)
	}), []string{"KubeVirt's to create"}},
	{"PodOfVMI", "a pod that KubeVirt takes for the VM's", admin, "domainpatch-launchers", create(func(s *scene) client.Object {
		yes := true
		return s.pod("owned", nil, []metav1.OwnerReference{{APIVersion: "kubevirt.io/v1", Kind: "VirtualMachineInstance", Name: "patched", UID: s.patched.VMI.GetUID(), Controller: &yes}})
	}), []string{"KubeVirt's to create"}},
	{"PodAdopted", "a pod that becomes one", admin, "domainpatch-launchers", func(s *scene, u *user) error {
		pod := s.pod("adopted", nil, nil)
		if err := client.IgnoreAlreadyExists(s.Create(s.ctx, pod)); err != nil {
			return err
		}
		owner := fmt.Sprintf(`{"apiVersion":"kubevirt.io/v1","kind":"VirtualMachineInstance","name":"patched","uid":%q,"controller":true}`, s.patched.VMI.GetUID())
		return u.Patch(s.ctx, pod, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"ownerReferences":[`+owner+`]}}`)))
	}, []string{"KubeVirt knows the pod"}},
	{"PodImage", "another image in the VM's pod", admin, "domainpatch-launchers", func(s *scene, u *user) error {
		return u.Patch(s.ctx, s.patched.Pod.DeepCopy(), client.RawPatch(types.StrategicMergePatchType, []byte(`{"spec":{"containers":[{"name":"hook-sidecar-0","image":"evil/sidecar:v1"}]}}`)))
	}, []string{"are KubeVirt's"}},
	{"EphemeralContainer", "a program beside the VM", admin, "domainpatch-launchers", func(s *scene, u *user) error {
		pod := s.patched.Pod.DeepCopy()
		pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{TargetContainerName: "compute",
			EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "evil", Image: "evil/sidecar:v1", TerminationMessagePolicy: "File", ImagePullPolicy: "Always"}}}
		return u.SubResource("ephemeralcontainers").Patch(s.ctx, pod, client.StrategicMergeFrom(s.patched.Pod))
	}, []string{"are KubeVirt's"}},
	{"Exec", "a program in the VM's pod", admin, "domainpatch-launchers-exec", connect("exec"), []string{"runs programs in the pod of a VM"}},
	{"Attach", "the streams of one", admin, "domainpatch-launchers-exec", connect("attach"), []string{"runs programs in the pod of a VM"}},
	{"MigrationImage", "another image on the target of a migration", admin, "domainpatch-migrations", create(func(s *scene) client.Object {
		migration := s.object("kubevirt.io/v1", "VirtualMachineInstanceMigration", "migration", map[string]any{"vmiName": "patched"})
		migration.SetAnnotations(map[string]string{"kubevirt.io/func-test-migration-target-image-override": "evil/launcher:v1"})
		return migration
	}), []string{"func-test-migration-target-image-override"}},
	// The last one: KubeVirt knows the pod no longer where it passes.
	{"PodImageDisowned", "likewise, and nothing says any more that the pod is KubeVirt's", admin, "domainpatch-launchers", func(s *scene, u *user) error {
		return u.Patch(s.ctx, s.patched.Pod.DeepCopy(), client.RawPatch(types.StrategicMergePatchType,
			[]byte(`{"metadata":{"labels":null,"ownerReferences":null},"spec":{"containers":[{"name":"compute","image":"evil/launcher:v1"}]}}`)))
	}, []string{"KubeVirt knows the pod"}},
}

func create(build func(*scene) client.Object) func(*scene, *user) error {
	return func(s *scene, u *user) error { return u.Create(s.ctx, build(s)) }
}

// changeBundle changes the bundle of the VM that has a patch.
func changeBundle(kind types.PatchType, change string) func(*scene, *user) error {
	return func(s *scene, u *user) error {
		return u.Patch(s.ctx, s.bundle(), client.RawPatch(kind, []byte(change)))
	}
}

// merge changes an object of KubeVirt's.
func merge(kind, name string, change map[string]any) func(*scene, *user) error {
	return func(s *scene, u *user) error {
		patch, err := json.Marshal(change)
		if err != nil {
			return err
		}
		return u.Patch(s.ctx, s.object("kubevirt.io/v1", kind, name, nil), client.RawPatch(types.MergePatchType, patch))
	}
}

// connect asks for a stream to the VM's pod, which no kubelet could give here.
func connect(subresource string) func(*scene, *user) error {
	return func(s *scene, u *user) error {
		config := rest.CopyConfig(u.config)
		config.GroupVersion, config.APIPath, config.NegotiatedSerializer = &corev1.SchemeGroupVersion, "/api", scheme.Codecs.WithoutConversion()
		c, err := rest.RESTClientFor(config)
		if err != nil {
			return err
		}
		return c.Post().Namespace(s.namespace).Resource("pods").Name(s.patched.Pod.Name).SubResource(subresource).
			Param("container", "compute").Param("command", "sh").Param("stdout", "true").Do(s.ctx).Error()
	}
}

func poolSpec() map[string]any {
	labels := map[string]any{"vm": "pool"}
	return map[string]any{"replicas": int64(0), "selector": map[string]any{"matchLabels": labels},
		"virtualMachineTemplate": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": vmSpec("pool", hooks(foreign))}}
}

// annotationsOfPatched are those of the VMI that has a patch.
func (s *scene) annotationsOfPatched() map[string]any {
	all, annotations := s.patched.VMI.GetAnnotations(), map[string]any{}
	for _, key := range []string{v1alpha1.HookSidecarsAnnotation, v1alpha1.BundleAnnotation} {
		annotations[key] = all[key]
	}
	return annotations
}

// bundle is the ConfigMap of the VM that has a patch, without its content.
func (s *scene) bundle() *corev1.ConfigMap {
	id := s.patched.VMI.GetAnnotations()[v1alpha1.BundleAnnotation][:v1alpha1.BundleIDLength]
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: v1alpha1.BundleConfigMapPrefix + id}}
}

func (s *scene) configMap(name, id string) *corev1.ConfigMap {
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Data: map[string]string{v1alpha1.BundleKey: "{}"}}
	if id != "" {
		object.Labels = map[string]string{v1alpha1.BundleIDLabel: id, v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue}
	}
	return object
}

func (s *scene) pod(name string, labels map[string]string, owners []metav1.OwnerReference) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name, Labels: maps.Clone(labels), OwnerReferences: owners},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "evil/sidecar:v1"}}}}
}
