// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"fmt"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Model gives what cloud-init reads of a target, as JSON with the members in their order:
// what operations act on. The error says why none could.
func (d *Data) Model(target bundle.Target) (json.RawMessage, error) {
	model, err := d.model(target)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", target, err)
	}
	return model.appendJSON(nil), nil
}

func (d *Data) model(target bundle.Target) (*value, error) {
	var doc *document
	var err error
	switch target {
	case bundle.UserData:
		doc, err = parseUserData(d.user.text)
	case bundle.NetworkData:
		doc, err = d.parseNetworkData(d.network.text)
	default:
		return d.meta.model, d.meta.absent
	}
	if err != nil {
		return nil, err
	}
	return doc.model, nil
}
