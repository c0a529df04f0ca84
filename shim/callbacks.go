// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"google.golang.org/grpc"

	"github.com/domainpatch/domainpatch/shim/proto/info"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha1"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha2"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

// version is one version of the hook protocol: its hooks, and how to serve it from a core.
type version struct {
	name     string
	hooks    []string
	register func(grpc.ServiceRegistrar, *Core)
}

// versions lists what the shim speaks, oldest first.
func versions() []version {
	return []version{
		{"v1alpha1", []string{OnDefineDomain}, func(r grpc.ServiceRegistrar, c *Core) {
			v1alpha1.RegisterCallbacksServer(r, callbacksV1alpha1{core: c})
		}},
		{"v1alpha2", []string{OnDefineDomain, PreCloudInitIso}, func(r grpc.ServiceRegistrar, c *Core) {
			v1alpha2.RegisterCallbacksServer(r, callbacksV1alpha2{core: c})
		}},
		{"v1alpha3", []string{OnDefineDomain, PreCloudInitIso, Shutdown}, func(r grpc.ServiceRegistrar, c *Core) {
			v1alpha3.RegisterCallbacksServer(r, callbacksV1alpha3{core: c})
		}},
	}
}

func versionNamed(name string) (version, error) {
	var names []string
	for _, v := range versions() {
		if v.name == name {
			return v, nil
		}
		names = append(names, v.name)
	}
	return version{}, fmt.Errorf("unknown version %q of the hook protocol: use %s", name, strings.Join(names, ", "))
}

// announcement is what Info answers: those of the hooks that the version has, and Shutdown wherever
// it has it, for without it the container outlives the VM and blocks the next migration.
func (v version) announcement(hooks []string) *info.InfoResult {
	result := &info.InfoResult{Name: "domainpatch", Versions: []string{v.name}}
	for _, hook := range v.hooks {
		if hook != Shutdown && !slices.Contains(hooks, hook) {
			continue
		}
		result.HookPoints = append(result.HookPoints, &info.HookPoint{Name: hook})
	}
	return result
}

// validate reports what of a list of hooks the version cannot serve. OnDefineDomain is not optional: it is where a
// start is stopped whose cloud-init data another sidecar took.
func (v version) validate(hooks []string) error {
	for i, hook := range hooks {
		switch {
		case hook != OnDefineDomain && hook != PreCloudInitIso:
			return fmt.Errorf("unknown hook %q: use %s or %s,%s", hook, OnDefineDomain, OnDefineDomain, PreCloudInitIso)
		case !v.has(hook):
			return fmt.Errorf("version %s of the hook protocol has no %s: use v1alpha2 or later", v.name, hook)
		case slices.Contains(hooks[:i], hook):
			return fmt.Errorf("the hook %s is given twice", hook)
		}
	}
	if len(hooks) > 0 && !slices.Contains(hooks, OnDefineDomain) {
		return fmt.Errorf("the hook %s is missing", OnDefineDomain)
	}
	return nil
}

func (v version) has(hook string) bool { return slices.Contains(v.hooks, hook) }

type infoServer struct {
	info.UnimplementedInfoServer
	answer *info.InfoResult
	log    *slog.Logger
}

func (s infoServer) Info(context.Context, *info.InfoParams) (*info.InfoResult, error) {
	s.log.Debug("Info was asked")
	return s.answer, nil
}

type callbacksV1alpha1 struct {
	v1alpha1.UnimplementedCallbacksServer
	core *Core
}

func (s callbacksV1alpha1) OnDefineDomain(ctx context.Context, p *v1alpha1.OnDefineDomainParams) (*v1alpha1.OnDefineDomainResult, error) {
	out, err := s.core.OnDefineDomain(ctx, p.GetDomainXml(), p.GetVmi(), FromVMI)
	return &v1alpha1.OnDefineDomainResult{DomainXml: out}, err
}

type callbacksV1alpha2 struct {
	v1alpha2.UnimplementedCallbacksServer
	core *Core
}

func (s callbacksV1alpha2) OnDefineDomain(ctx context.Context, p *v1alpha2.OnDefineDomainParams) (*v1alpha2.OnDefineDomainResult, error) {
	out, err := s.core.OnDefineDomain(ctx, p.GetDomainXml(), p.GetVmi(), FromVMI)
	return &v1alpha2.OnDefineDomainResult{DomainXml: out}, err
}

// PreCloudInitIso leaves the result's CloudInitNoCloudSource empty: KubeVirt would take it in place
// of a CloudInitData that is not valid, and the VM would start without the patch.
func (s callbacksV1alpha2) PreCloudInitIso(ctx context.Context, p *v1alpha2.PreCloudInitIsoParams) (*v1alpha2.PreCloudInitIsoResult, error) {
	out, err := s.core.PreCloudInitIso(ctx, p.GetCloudInitData(), p.GetVmi(), FromVMI)
	return &v1alpha2.PreCloudInitIsoResult{CloudInitData: out}, err
}

type callbacksV1alpha3 struct {
	v1alpha3.UnimplementedCallbacksServer
	core *Core
}

func (s callbacksV1alpha3) OnDefineDomain(ctx context.Context, p *v1alpha3.OnDefineDomainParams) (*v1alpha3.OnDefineDomainResult, error) {
	out, err := s.core.OnDefineDomain(ctx, p.GetDomainXml(), p.GetVmi(), FromVMI)
	return &v1alpha3.OnDefineDomainResult{DomainXml: out}, err
}

// PreCloudInitIso leaves CloudInitNoCloudSource empty, see callbacksV1alpha2.
func (s callbacksV1alpha3) PreCloudInitIso(ctx context.Context, p *v1alpha3.PreCloudInitIsoParams) (*v1alpha3.PreCloudInitIsoResult, error) {
	out, err := s.core.PreCloudInitIso(ctx, p.GetCloudInitData(), p.GetVmi(), FromVMI)
	return &v1alpha3.PreCloudInitIsoResult{CloudInitData: out}, err
}

func (s callbacksV1alpha3) Shutdown(context.Context, *v1alpha3.ShutdownParams) (*v1alpha3.ShutdownResult, error) {
	s.core.Shutdown()
	return &v1alpha3.ShutdownResult{}, nil
}
