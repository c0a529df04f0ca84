// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// path is what container engines set where an image names no PATH. The shim looks up programs in it
// when --allow-exec is given, and must not depend on the engine.
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// image is what sets one image apart. The Dockerfile says the same; a test compares them.
type image struct {
	user   string // numeric: the kubelet cannot tell of a name whether it is root's
	labels map[string]string
}

func images() map[string]image {
	return map[string]image{
		"shim": {
			user:   "107:107", // as virt-launcher runs, which connects to the shim's socket
			labels: labels("DomainPatch shim", "Applies patches to a KubeVirt VM's libvirt domain and cloud-init data over KubeVirt's hook protocol"),
		},
		"manager": {
			user:   "65532:65532", // as config/manager says
			labels: labels("DomainPatch manager", "The operator that gives KubeVirt VMs their patches"),
		},
	}
}

func labels(title, description string) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       title,
		"org.opencontainers.image.description": description,
		"org.opencontainers.image.source":      "https://github.com/domainpatch/domainpatch",
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
}

// pack makes the index of one image per architecture, each from the program BIN/linux-ARCH/PROGRAM.
func (i image) pack(bin, program string, archs []string, from origin) (v1.ImageIndex, error) {
	maps.Copy(i.labels, from.labels())
	index := v1.ImageIndex(empty.Index)
	for _, arch := range archs {
		binary, err := os.ReadFile(filepath.Join(bin, "linux-"+arch, program))
		if err != nil {
			return nil, err
		}
		layer, err := oneFile(program, binary)
		if err != nil {
			return nil, err
		}
		img, err := i.platform(program, arch, layer, from.time)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	return mutate.Annotations(index, i.labels).(v1.ImageIndex), nil
}

// platform is the image for one architecture.
func (i image) platform(program, arch string, layer v1.Layer, created time.Time) (v1.Image, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	config := &v1.ConfigFile{
		OS: "linux", Architecture: arch, Created: v1.Time{Time: created},
		Config: v1.Config{Entrypoint: []string{"/" + program}, User: i.user, Env: []string{path}, WorkingDir: "/", Labels: i.labels},
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
	}
	img, err := mutate.ConfigFile(base, config)
	if err != nil {
		return nil, err
	}
	return mutate.Append(img, mutate.Addendum{
		Layer: layer, MediaType: types.OCILayer,
		History: v1.History{Created: v1.Time{Time: created}, CreatedBy: "make image"},
	})
}

// oneFile is a layer with one executable file, root's and written at the epoch: a program that a commit
// leaves as it was keeps its layer, and nodes that have it pull nothing.
func oneFile(name string, content []byte) (v1.Layer, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(content)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching)
}
