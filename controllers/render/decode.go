// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"errors"
	"fmt"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// DecodePatch reads a patch of a kind (bundle.KindDomainPatch or bundle.KindClusterDomainPatch)
// from JSON, as the API server gives it. Mistakes are what it could not take of the spec, such as
// fields that a newer version knows; the patch without them would mean something else. Unknown
// fields elsewhere are the API server's, which may be newer.
func DecodePatch(kind string, object []byte) (p Patch, mistakes, err error) {
	switch kind {
	case bundle.KindDomainPatch:
		var dp v1alpha1.DomainPatch
		mistakes, err = decode(object, &dp)
		return DomainPatch(&dp), mistakes, err
	case bundle.KindClusterDomainPatch:
		var cdp v1alpha1.ClusterDomainPatch
		mistakes, err = decode(object, &cdp)
		return ClusterDomainPatch(&cdp), mistakes, err
	}
	return Patch{}, nil, fmt.Errorf("%q is no kind of patches", kind)
}

// DecodePolicy is DecodePatch for policies.
func DecodePolicy(object []byte) (p *v1alpha1.DomainPatchPolicy, mistakes, err error) {
	p = &v1alpha1.DomainPatchPolicy{}
	mistakes, err = decode(object, p)
	return p, mistakes, err
}

func decode(object []byte, into any) (mistakes, err error) {
	strict, err := kjson.UnmarshalStrict(object, into)
	var inSpec []error
	for _, mistake := range strict {
		if strings.Contains(mistake.Error(), `"spec`) {
			inSpec = append(inSpec, mistake)
		}
	}
	return errors.Join(inSpec...), err
}
