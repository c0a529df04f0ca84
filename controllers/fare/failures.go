// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package fare

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// failures tells which VMIs of one namespace could not be started because of their patches.
type failures struct {
	source Source
	events map[types.UID]*corev1.Event // errors of the shim, by VMI; nil until asked for
}

// of is the reason for which a VMI with patches could not be started, if that is ours; image is that of
// its hook sidecar. KubeVirt keeps the first error of all that have the same reason in the
// condition, so where it is another one's, the shim's may stand in an event alone.
func (f *failures) of(ctx context.Context, vmi *kubevirt.VirtualMachineInstance, image string) (string, error) {
	failure := vmi.SyncFailure()
	message := kubevirt.ShimsError(failure.Message)
	switch {
	case failure.Type == "" || vmi.Annotations[v1alpha1.BundleAnnotation] == "":
		return "", nil
	case message != "":
		return message, nil
	case failure.Reason == kubevirt.ReasonErrImagePull || failure.Reason == kubevirt.ReasonImagePullBackOff:
		return cannotPull(failure.Message, image), nil
	}
	if f.events == nil {
		if err := f.readEvents(ctx); err != nil {
			return "", err
		}
	}
	if e := f.events[vmi.UID]; e != nil {
		return kubevirt.ShimsError(e.Message), nil
	}
	return "", nil
}

func (f *failures) readEvents(ctx context.Context) error {
	all, err := f.source.SyncFailures(ctx)
	if err != nil {
		return err
	}
	f.events = map[types.UID]*corev1.Event{}
	for i := range all {
		e := &all[i]
		last := f.events[e.InvolvedObject.UID]
		if e.Reason == kubevirt.EventSyncFailed && kubevirt.ShimsError(e.Message) != "" && (last == nil || isLater(e, last)) {
			f.events[e.InvolvedObject.UID] = e
		}
	}
	return nil
}

// isLater orders events, in the same way every time.
func isLater(e, than *corev1.Event) bool {
	if e.LastTimestamp.Equal(&than.LastTimestamp) {
		return e.Name > than.Name
	}
	return than.LastTimestamp.Before(&e.LastTimestamp)
}

// cannotPull is the reason where a message of the kubelet's is about the image of the shim. It
// does not repeat that message, which changes with every try.
func cannotPull(message, image string) string {
	repository := render.Repository(image)
	if repository == "" || !regexp.MustCompile(`(^|[^\w.-])`+regexp.QuoteMeta(repository)+`($|[^\w/-])`).MatchString(message) {
		return ""
	}
	return fmt.Sprintf("the node cannot pull image %s of the hook sidecar: make it available to the nodes, or give the ServiceAccount of the "+
		"VM's pod (default, unless the VM names one) a pull secret, which Kubernetes uses where KubeVirt and the containerDisks give the pod none", image)
}

// blamed are the patches that a failure is about: those that it names, or all where it names none.
func blamed(message string, all []Name) []Name {
	var named []Name
	for _, name := range all {
		if strings.Contains(message, name.ID()+": ") {
			named = append(named, name)
		}
	}
	if len(named) > 0 {
		return named
	}
	return all
}
