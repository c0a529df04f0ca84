// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"

	kjson "sigs.k8s.io/json"
)

// VMI is what rendering needs of a VirtualMachineInstance.
type VMI struct {
	Labels      map[string]string
	Annotations map[string]string
	// CloudInit tells whether it has a volume of kind cloudInitNoCloud or cloudInitConfigDrive.
	CloudInit bool
	// Volumes are the names of its volumes.
	Volumes []string
	// JSON is the whole object, for matchConditions.
	JSON []byte
	// Provisional tells that other webhooks will still complete the VMI: what is missing in
	// it, a field that a matchCondition reads or a volume, refuses it only later.
	Provisional bool
}

// ParseVMI reads a VMI from JSON. Fields that rendering does not need are not judged.
func ParseVMI(json []byte) (VMI, error) {
	var object struct {
		Metadata struct {
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
		Spec struct {
			Volumes []struct {
				Name        string    `json:"name"`
				NoCloud     *struct{} `json:"cloudInitNoCloud"`
				ConfigDrive *struct{} `json:"cloudInitConfigDrive"`
			} `json:"volumes"`
		} `json:"spec"`
	}
	// As the API server reads it: encoding/json would also take other spellings of a field.
	if err := kjson.UnmarshalCaseSensitivePreserveInts(json, &object); err != nil {
		return VMI{}, fmt.Errorf("cannot read the VMI: %w", err)
	}
	vmi := VMI{Labels: object.Metadata.Labels, Annotations: object.Metadata.Annotations, JSON: json}
	for _, volume := range object.Spec.Volumes {
		vmi.Volumes = append(vmi.Volumes, volume.Name)
		vmi.CloudInit = vmi.CloudInit || volume.NoCloud != nil || volume.ConfigDrive != nil
	}
	return vmi, nil
}
