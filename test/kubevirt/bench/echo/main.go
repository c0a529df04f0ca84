// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command echo is the least that a hook sidecar can be: a gRPC server of KubeVirt's stubs that returns
// its input. What a call of it costs is what KubeVirt's client and gRPC cost. It listens on the socket
// that is its one argument.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"

	"kubevirt.io/kubevirt/pkg/hooks/info"
	"kubevirt.io/kubevirt/pkg/hooks/v1alpha3"
)

func main() {
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func serve(socket string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	info.RegisterInfoServer(server, infoServer{})
	v1alpha3.RegisterCallbacksServer(server, callbacks{})
	return server.Serve(listener)
}

type infoServer struct{}

func (infoServer) Info(context.Context, *info.InfoParams) (*info.InfoResult, error) {
	return &info.InfoResult{
		Name:       "echo",
		Versions:   []string{v1alpha3.Version},
		HookPoints: []*info.HookPoint{{Name: info.OnDefineDomainHookPointName}},
	}, nil
}

type callbacks struct{}

func (callbacks) OnDefineDomain(_ context.Context, p *v1alpha3.OnDefineDomainParams) (*v1alpha3.OnDefineDomainResult, error) {
	return &v1alpha3.OnDefineDomainResult{DomainXML: p.GetDomainXML()}, nil
}

func (callbacks) PreCloudInitIso(_ context.Context, p *v1alpha3.PreCloudInitIsoParams) (*v1alpha3.PreCloudInitIsoResult, error) {
	return &v1alpha3.PreCloudInitIsoResult{CloudInitData: p.GetCloudInitData()}, nil
}

func (callbacks) Shutdown(context.Context, *v1alpha3.ShutdownParams) (*v1alpha3.ShutdownResult, error) {
	return &v1alpha3.ShutdownResult{}, nil
}
