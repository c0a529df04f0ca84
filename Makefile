# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# No cgo anywhere, and one set of flags: another one would compile KubeVirt once more.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -trimpath
TOOL := go tool -modfile=hack/tools/go.mod
BUF := go tool -modfile=hack/tools/buf/go.mod buf
LINT := go tool -modfile=hack/tools/lint/go.mod golangci-lint
GORELEASER := go tool -modfile=hack/tools/release/go.mod goreleaser

include hack/build.mk

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##
BIN := bin
.PHONY: build
build: build-shim build-manager ## Build the manager, the shim and the kubectl plugin into bin/
	go build -ldflags "-s -w" -o $(BIN)/kubectl-domainpatch ./cmd/kubectl-domainpatch

# Images get their programs from these two, the Dockerfile's as well. The commit stays out of them: a program that
# it leaves as it was stays the same, byte by byte.
.PHONY: build-shim build-manager
build-shim:
	go build -buildvcs=false -ldflags "-s -w" -tags grpcnotrace -o $(BIN)/shim ./cmd/shim
build-manager:
	go build -buildvcs=false -ldflags "-s -w" -o $(BIN)/manager ./cmd/manager

ARCHS ?= amd64 arm64 s390x
IMAGES ?= shim manager
.PHONY: image
image: ## Build the images of the shim and the manager for ARCHS into bin/image, as OCI layouts (6 minutes on 2 cores, once)
	@for image in $(IMAGES); do for arch in $(ARCHS); do \
		echo "$$image for linux/$$arch"; GOOS=linux GOARCH=$$arch $(MAKE) -s build-$$image BIN=$(BIN)/linux-$$arch; done; done
	@cd hack/image && go run . -bin $(abspath $(BIN)) -archs "$(ARCHS)" $(IMAGES)

# The same files as those of a release, for the commit as it is. IMAGE_REGISTRY names the images in manifests and chart.
.PHONY: release-dry-run
release-dry-run: IMAGE_REGISTRY ?= domainpatch
release-dry-run: ## Make all files of a release in out/dist, and publish nothing (IMAGE_REGISTRY: prefix of the images; 12 minutes on 2 cores, once)
	rm -rf out/release out/dist
	$(MAKE) image BIN=out/release
	@mkdir -p out/release/completions
	@for shell in bash zsh fish powershell; do \
		go run ./cmd/kubectl-domainpatch completion $$shell >out/release/completions/kubectl-domainpatch.$$shell || exit 1; done
	@go run ./cmd/kubectl-domainpatch completion kubectl >out/release/kubectl_complete-domainpatch
	cd hack/release && go build -o ../../out/release/release . && ../../out/release/release assets -registry "$(IMAGE_REGISTRY)"
	VERSION=$$(cat out/release/version) COMMIT_TIMESTAMP=$$(git log -1 --format=%ct) \
		COMMIT_DATE=$$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ) $(GORELEASER) release --snapshot
	cp out/release/assets/* out/dist
	cd test/packages && DIST=$(abspath out/dist) go test -count=1 ./release

.PHONY: demo
demo: controlplane kubevirt ## The main job on real parts: from a DomainPatch to the patched domain
	go run ./hack/demo

.PHONY: cluster
cluster: controlplane kubevirt ## A cluster that stays until Ctrl-C, for your own patches and VMs; shows what they change
	@go build -o $(BIN)/demo ./hack/demo # go run would end a Ctrl-C with an error
	@$(BIN)/demo -stay

.PHONY: demo-guest
demo-guest: guest-packages controlplane kubevirt ## The same for many samples, up to guests that tell what they see (root; Debian's libvirt and QEMU)
	go run ./hack/demo -guest

# $(call debian,PROGRAM,PACKAGE) installs a package of Debian's unless the program is there.
define debian
@command -v $(1) >/dev/null || { if [ "$$(id -u)" = 0 ]; then apt-get -qq update && apt-get -qq -y install $(2); \
	else echo "$(1) is missing: install Debian's package $(2)"; exit 1; fi; }
endef

.PHONY: xmllint
xmllint: # The XPath of libxml2, by which ours is judged
	$(call debian,xmllint,libxml2-utils)

.PHONY: jq
jq: # For the annotations of the GitHub Action
	$(call debian,jq,jq)

.PHONY: python3
python3: # For the script of KubeVirt's README, beside which ours is tested and measured
	$(call debian,python3,python3)

.PHONY: peers
peers: python3 jq # What people edit domains with today, beside which ours is compared
	$(call debian,virt-xml,virtinst)
	$(call debian,xmlstarlet,xmlstarlet)
	$(call debian,xsltproc,xsltproc)

.PHONY: test
test: controlplane kubevirt xmllint peers ## All tests
	KUBEBUILDER_ASSETS=$${KUBEBUILDER_ASSETS:-$(CURDIR)/bin/controlplane} go test -timeout 20m ./...
	cd bench && go test ./...
	cd hack/image && go test -count=1 -timeout 20m ./... # builds for other architectures, which takes minutes the first time
	cd hack/release && go test -count=1 ./...
	cd test/packages && go test -count=1 -timeout 20m ./... # the cache does not see config
	cd test/gitops && go test ./...
	cd test/prometheus && go test -count=1 ./... # the cache does not see config
	cd test/kubevirt && go test -count=1 -timeout 20m ./... # the cache does not see the programs that these tests build
	cd test/kubevirt/oldest && go test -count=1 -timeout 20m -parallel 16 ./... # most of their time is a sleep of KubeVirt's

# Packages alone: no service of theirs is started, and none is asked for.
.PHONY: root libvirt
root: # Asked before what takes minutes to build
	@[ "$$(id -u)" = 0 ] || { echo "libvirt runs in namespaces of its own, with TAP devices: run make as root"; exit 1; }
libvirt: root xmllint
	$(call debian,virsh,--no-install-recommends libvirt-clients)
	$(call debian,virt-qemu-run,--no-install-recommends libvirt-daemon libvirt-daemon-driver-qemu)
	$(call debian,qemu-system-x86_64,--no-install-recommends qemu-system-x86 seabios)
	$(call debian,qemu-system-aarch64,--no-install-recommends qemu-system-arm)
	$(call debian,ip,--no-install-recommends iproute2)

.PHONY: test-libvirt
test-libvirt: libvirt ## What libvirt and QEMU make of samples and cases, and what is known of libvirt (root; 2 minutes on 2 cores; UPDATE=1 writes the data file and docs/proof.md)
	DOMAINPATCH_LIBVIRT=1 go test -count=1 -timeout 15m $(if $(UPDATE),./test/libvirt -args -update,./test/libvirt/...)

.PHONY: test-system
test-system: test-libvirt test-guest ## Prove patches by real libvirt and real guests (root; installs Debian's packages)

.PHONY: guest-packages
guest-packages: libvirt # A hypervisor, and what makes disks of cloud-init data
	$(call debian,xorrisofs,--no-install-recommends xorriso)

.PHONY: test-guest
test-guest: TIMES ?= 1
test-guest: guest-packages controlplane kubevirt ## What guests see of the samples, with the whole chain before it (root; 2 minutes on 2 cores; TIMES: pairs of guests for each VM)
	DOMAINPATCH_LIBVIRT=1 KUBEBUILDER_ASSETS=$${KUBEBUILDER_ASSETS:-$(CURDIR)/bin/controlplane} go test -count=1 -timeout 20m -v ./test/guest -args -times $(TIMES)

.PHONY: docs
docs: playground ## Build the site of docs and the playground into out/docs, with every link and anchor checked (node 18 or later; npm's registry)
	$(call debian,npm,npm)
	cd docs && npm ci --no-fund --no-audit --loglevel=error && npm run --silent build
	rm -rf out/docs/playground && cp -r out/playground out/docs/playground
	go run ./test/docs/site out/docs

.PHONY: test-chaos
test-chaos: VMS ?= 500
test-chaos: KILLS ?= 30
test-chaos: RACES ?= 100
test-chaos: SEED ?= $(shell date +%s)
test-chaos: controlplane kubevirt ## Bad days: VMS (500) VMs while managers are killed KILLS (30) times, RACES (100) races; make test has small ones
	KUBEBUILDER_ASSETS=$${KUBEBUILDER_ASSETS:-$(CURDIR)/bin/controlplane} go test -count=1 -timeout 60m -v ./test/chaos \
		-args -vms $(VMS) -kills $(KILLS) -races $(RACES) -seed $(SEED)

.PHONY: test-matrix
test-matrix: RELEASES ?= all
test-matrix: controlplane ## Every sample, the hooks and the CRDs with each minor release of KubeVirt since v1.2, the whole chain with some (18 minutes on 2 cores, later 4; RELEASES=v1.3.0,v1.9.0 for some, UPDATE=1 writes the data files)
	cd test/matrix && KUBEBUILDER_ASSETS=$${KUBEBUILDER_ASSETS:-$(CURDIR)/bin/controlplane} go test -count=1 -timeout 60m \
		-args -releases $(RELEASES) $(if $(UPDATE),-update)

# A number of inputs and no time: where a time is up, go test takes its own end for a failure now and then ("context
# deadline exceeded", with no input that fails). In the same way, 20 attempts are made to make an input smaller:
# where their time is up, go test starts a new process, on a busy machine for nearly every input that it keeps.
FUZZTIME ?= 50000x
.PHONY: fuzz
fuzz: ## Fuzz what reads foreign bytes, each target for FUZZTIME (50000x: so many inputs; or a time such as 10m)
	@mkdir -p out; packages=$$(go list ./api/... ./patch/... ./controllers/offline ./controllers/lint) || exit 1; \
	for package in $$packages; do \
		targets=$$(go test -list '^Fuzz' $$package) || { echo "$$targets"; exit 1; }; \
		for target in $$(echo "$$targets" | sed -n '/^Fuzz/p'); do \
			printf '%s %s for $(FUZZTIME): ' $${package##*/domainpatch/} $$target; \
			if go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$package >out/fuzz.log 2>&1; \
			then sed -n 's/^fuzz: elapsed: //p' out/fuzz.log | tail -n 1; continue; fi; \
			echo FAILED; cat out/fuzz.log; \
			sed -n 's/^ *Failing input written to //p' out/fuzz.log | while read -r input; do \
				echo "$$package $$input:"; cat "$$(go list -f '{{.Dir}}' $$package)/$$input"; \
			done; \
			exit 1; \
		done; \
	done

.PHONY: diff-test
diff-test: PATHS ?= 200000
diff-test: SEED ?= $(shell date +%s)
diff-test: ## Compare PATHS (200000) random paths, from SEED on (the time), with libxml2
	go test -count=1 -timeout 30m -run '^TestLibxml2$$' -v ./patch/selector -args -paths $(PATHS) -seed $(SEED)

.PHONY: bench
bench: python3 ## The engine beside its peers, and the shim beside KubeVirt's
	cd bench && go run .
	cd test/kubevirt && go run ./bench

.PHONY: compare
compare: peers ## The same edits by DomainPatch and by what people use today, judged and measured, into docs/comparison.md (a minute)
	@mkdir -p out
	cd test/kubevirt && go run ./compare >$(CURDIR)/out/comparison.md
	cp out/comparison.md docs/comparison.md

.PHONY: bench-cli
bench-cli: ## The command line tool: render, test of 200 cases and lint of 1,000 patches, beside what is wanted
	go build -ldflags "-s -w" -o $(BIN)/kubectl-domainpatch ./cmd/kubectl-domainpatch
	go run ./hack/benchcli -program $(BIN)/kubectl-domainpatch

.PHONY: bench-fleet
bench-fleet: controlplane kubevirt ## The operator with 10,000 VMs: memory, requests, latency (20 minutes on 2 cores)
	go run ./test/fleet

.PHONY: generate
generate: ## Generate deep copies, the CRDs, the protocol stubs, the table of KubeVirt's schema, JSON schemas and the chart
	$(TOOL) controller-gen object:headerFile=hack/tools/boilerplate.go.txt paths=./api/... paths=./controllers/kubevirt/...
	$(TOOL) controller-gen crd:headerFile=hack/tools/boilerplate.yaml.txt paths=./api/... output:crd:dir=config/crd
	$(BUF) generate shim/proto --template shim/proto/buf.gen.yaml
	cd test/kubevirt && go run ./cmd/schema ../../patch/schema/table.go
	go run ./hack/schema
	go run ./hack/chart

# Modules of their own, so that what they need stays out of the product's: one a line.
MODULES := \
	bench \
	hack/image \
	hack/playground \
	hack/release \
	test/gitops \
	test/kubevirt \
	test/kubevirt/oldest \
	test/packages \
	test/playground \
	test/prometheus
# hack/tools/release is not among them: go mod tidy asks for a test of goreleaser's dependencies that is not to be had.
TOOLMODULES := \
	hack/controlplane \
	hack/tools \
	hack/tools/buf \
	hack/tools/lint

.PHONY: verify
verify: generate lint ## Check that generated files are current, modules tidy and the code clean
	@for m in . $(MODULES) $(TOOLMODULES); do \
		(cd $$m && go mod tidy -diff >/dev/null) || { echo "$$m: run go mod tidy"; exit 1; }; done
	@git diff --exit-code --stat -- api config/crd config/schema config/chart controllers patch/schema shim || { echo "generated files differ: commit what make generate wrote"; exit 1; }

.PHONY: lint
lint: ## Run the linters
	go vet ./...
	$(LINT) run ./...
	@for m in $(MODULES); do echo "$$m: go vet"; (cd $$m && go vet ./...) || exit 1; done

.PHONY: playground
playground: ## Build the playground, a page that runs the engine in a browser, into out/playground
	$(call debian,npm,npm)
	cd docs/playground && npm ci --no-fund --no-audit --loglevel=error
	GOOS=js GOARCH=wasm go build -buildvcs=false -ldflags "-s -w" -o out/playground.wasm ./cmd/playground
	cd hack/playground && go run . -wasm $(CURDIR)/out/playground.wasm -wasm-exec "$$(go env GOROOT)/lib/wasm/wasm_exec.js"

.PHONY: playground-test
playground-test: playground ## Build the playground and use it in a headless browser; screenshots go to out/playground-test
	$(call debian,chromium,chromium)
	cd test/playground && go test -count=1 -timeout 15m -v ./...

.PHONY: clean
clean: ## Remove what the other targets built
	rm -rf bin out
