// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	kjson "sigs.k8s.io/json"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// checkMigration refuses a new VMI that says that it is the target of a migration, but from
// KubeVirt's own accounts. The shim lets a target start where a patch fails, since KubeVirt
// throws its result away; KubeVirt keeps a status that the creator of a VMI wrote.
func (w *Webhooks) checkMigration(ctx context.Context, req admission.Request) error {
	var vmi struct {
		Status struct {
			MigrationState *struct{} `json:"migrationState"`
		} `json:"status"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(req.Object.Raw, &vmi); err != nil {
		return refuse(fmt.Errorf("cannot read the VMI: %w", err))
	}
	if vmi.Status.MigrationState == nil {
		return nil
	}
	var installed kubevirt.KubeVirtList
	if err := w.Reader.List(ctx, &installed); err != nil && !meta.IsNoMatchError(err) {
		return fmt.Errorf("cannot list KubeVirts: %w", err)
	}
	for i := range installed.Items {
		if strings.HasPrefix(req.UserInfo.Username, "system:serviceaccount:"+installed.Items[i].Namespace+":kubevirt-") {
			return nil
		}
	}
	return refuse(errors.New("status.migrationState of a new VirtualMachineInstance is KubeVirt's to write: remove it"))
}
