# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

# The real parts that the tests run against, from Go modules alone: a Kubernetes
# control plane and KubeVirt. Included by the Makefile beside this folder.

SHELL := /bin/bash

# $(call go_build,FOLDER,OUTPUT,PACKAGE,LDFLAGS) builds one program of the module
# in FOLDER. It prints a line for every 50 compiled packages, anything else that
# the compiler says as it comes, and fails when the compiler does.
define go_build
@set -eu -o pipefail; export CGO_ENABLED=0; mkdir -p $(dir $(2)); cd $(1); \
echo "$(2): looking for what is to compile (the first time this downloads modules)"; \
total=$$(go list -deps -trimpath -f '{{if .Stale}}x{{end}}' $(3) 2> >(grep -v '^go: downloading' >&2) | grep -c x || :); \
echo "$(2): $$total packages"; done=0; \
go build -v -trimpath -ldflags "-s -w $(4)" -o $(abspath $(2)) $(3) 2>&1 | while IFS= read -r line; do \
	case "$$line" in \
	"go: downloading"*) ;; \
	*[:\ ]*) echo "$$line" >&2 ;; \
	*) done=$$((done + 1)); if ((done % 50 == 0)); then echo "$(2): $$done of $$total packages, $$((SECONDS / 60)) min $$((SECONDS % 60)) s"; fi ;; \
	esac; done; \
touch $(abspath $(2)); echo "$(2): built"
endef

CONTROLPLANE := bin/controlplane
CONTROLPLANE_LINKS := $(addprefix $(CONTROLPLANE)/,etcd kube-apiserver kube-controller-manager kubectl)
KUBEVIRT := bin/kubevirt
KUBEVIRT_STOCK := $(addprefix $(KUBEVIRT)/,virt-api virt-controller sidecar-shim)
KUBEVIRT_MODULE := test/kubevirt/go.mod test/kubevirt/go.sum $(shell find test/kubevirt/stubs -name '*.go')
DOMAINS := $(patsubst test/kubevirt/testdata/vmis/%.yaml,patch/testdata/domains/%.xml,$(wildcard test/kubevirt/testdata/vmis/*.yaml))

.PHONY: controlplane
ifeq ($(KUBEBUILDER_ASSETS),)
controlplane: $(CONTROLPLANE_LINKS)
endif
controlplane: ## Build etcd, Kubernetes and kubectl into bin/controlplane (7 minutes on 2 cores, once), unless KUBEBUILDER_ASSETS is set
	@$(if $(KUBEBUILDER_ASSETS),echo "nothing to build: the tests use KUBEBUILDER_ASSETS=$(KUBEBUILDER_ASSETS)",:)

.PHONY: kubevirt
kubevirt: $(KUBEVIRT_STOCK) $(KUBEVIRT)/launcher $(KUBEVIRT)/kubevirt-manifests ## Build KubeVirt and our player of virt-launcher into bin/kubevirt (5 minutes on 2 cores, once)

.PHONY: domains
domains: $(DOMAINS) ## Generate patch/testdata/domains: KubeVirt's domains of the VMIs in test/kubevirt/testdata/vmis

$(CONTROLPLANE_LINKS): $(CONTROLPLANE)/controlplane
	@ln -sf controlplane $@

# Clients and envtest ask the API server for its version; a plain build says v0.0.0.
$(CONTROLPLANE)/controlplane: hack/controlplane/main.go hack/controlplane/go.mod hack/controlplane/go.sum
	@echo "$@: the first build takes about 7 minutes on 2 cores; Go's build cache makes later ones short"
	$(call go_build,hack/controlplane,$@,.,$(call kubernetes_version,$(shell sed -n 's#.*k8s.io/kubernetes v##p' hack/controlplane/go.mod)))

kubernetes_version = $(addprefix -X k8s.io/component-base/version.,gitVersion=v$(1) gitMajor=$(word 1,$(subst ., ,$(1))) gitMinor=$(word 2,$(subst ., ,$(1))) gitTreeState=clean)

$(KUBEVIRT_STOCK): $(KUBEVIRT_MODULE)
	@echo "$@: the first build of KubeVirt takes about 5 minutes on 2 cores; Go's build cache makes later ones short"
	$(call go_build,test/kubevirt,$@,kubevirt.io/kubevirt/cmd/$(@F:sidecar-shim=sidecars),)

$(KUBEVIRT)/launcher $(KUBEVIRT)/kubevirt-manifests: $(KUBEVIRT)/%: $(KUBEVIRT_MODULE) $(wildcard test/kubevirt/launcher/*.go test/kubevirt/cmd/*/*.go)
	$(call go_build,test/kubevirt,$@,./cmd/$*,)

patch/testdata/domains/%.xml patch/testdata/domains/%.vmi.json: test/kubevirt/testdata/vmis/%.yaml $(KUBEVIRT)/launcher
	$(KUBEVIRT)/launcher domains --out $(@D) $<
