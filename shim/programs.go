// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/domainpatch/domainpatch/patch"
)

// programs runs the user's programs behind the patches, as KubeVirt's sidecar-shim
// (cmd/sidecars/sidecar_shim.go) runs them: what the engine made is a program's input. Where the
// engine fails no program runs.
type programs struct {
	Engine
	onDefineDomain, preCloudInitIso *program // nil where there is none
}

func (p programs) Domain(ctx context.Context, doc, vmi []byte, first *patch.Report) ([]byte, *patch.Report, error) {
	out, report, err := p.Engine.Domain(ctx, doc, vmi, first)
	if err == nil && p.onDefineDomain != nil {
		out, err = p.onDefineDomain.run(ctx, out, vmi)
	}
	return out, report, err
}

func (p programs) CloudInit(ctx context.Context, data, vmi []byte) ([]byte, *patch.Report, error) {
	out, report, err := p.Engine.CloudInit(ctx, data, vmi)
	if err == nil && p.preCloudInitIso != nil {
		out, err = p.preCloudInitIso.run(ctx, out, vmi)
	}
	return out, report, err
}

// findPrograms looks for the programs in PATH, once: what a container holds does not change. A bundle is
// none of them, though KubeVirt mounts its file executable and under a program's name; empty for no bundle.
func findPrograms(engine Engine, bundle string, log *slog.Logger) programs {
	skip, err := os.Stat(bundle)
	if err != nil {
		skip = nil // there is none
	}
	find := func(hook, name, document string) *program {
		path := lookUp(name, skip, log)
		if path == "" {
			return nil
		}
		log.Info("found a program", "hook", hook, "path", path)
		return &program{hook: hook, name: name, path: path, document: document, log: log}
	}
	return programs{
		Engine:          engine,
		onDefineDomain:  find(OnDefineDomain, "onDefineDomain", "--domain"),
		preCloudInitIso: find(PreCloudInitIso, "preCloudInitIso", "--cloud-init"),
	}
}

// hooks lists the hooks of a version that a bundle or a program serves. Any bundle serves OnDefineDomain,
// where a start is stopped whose cloud-init data another sidecar took.
func (p programs) hooks(cloudInitRules bool, version string) []string {
	var hooks []string
	if _, noBundle := p.Engine.(unpatched); !noBundle || p.onDefineDomain != nil {
		hooks = append(hooks, OnDefineDomain)
	}
	if v, err := versionNamed(version); err == nil && v.has(PreCloudInitIso) && (cloudInitRules || p.preCloudInitIso != nil) {
		hooks = append(hooks, PreCloudInitIso)
	}
	return hooks
}

// warn tells what a user may have meant to run but does not, with these hooks announced.
func (p programs) warn(hooks []string, log *slog.Logger) {
	for _, one := range []*program{p.onDefineDomain, p.preCloudInitIso} {
		if one != nil && !slices.Contains(hooks, one.hook) {
			log.Warn("the program will not run, for --hooks or --version leaves its hook out", "hook", one.hook, "path", one.path)
		}
	}
	if len(hooks) == 0 {
		log.Warn("nothing to do: there is no bundle, and no program onDefineDomain or preCloudInitIso in PATH", "PATH", os.Getenv("PATH"))
	}
}

// lookUp is exec.LookPath without one file, and it warns of a file that it passes over for its mode. It passes
// over relative folders in PATH, out of which exec.LookPath, and so KubeVirt's sidecar-shim, runs nothing.
func lookUp(name string, without fs.FileInfo, log *slog.Logger) string {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil || without != nil && os.SameFile(info, without) {
			continue
		}
		switch _, err := exec.LookPath(path); {
		case err == nil:
			return path
		case errors.Is(err, fs.ErrPermission) && info.Mode().IsRegular():
			log.Warn("this file is not run, for this user may not execute it: chmod a+rx it, or rename it if it is no program", "path", path)
		}
	}
	return ""
}
