// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package linux makes what a guest boots: Debian's kernel, which is unpacked and not installed, and an
// initramfs of a static program and the modules that it needs. It needs no root, but for apt's lists where
// there are none yet, and of programs only apt's and dpkg's.
package linux

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// metapackage is the package of Debian's that depends on its present kernel for servers and PCs.
const metapackage = "linux-image-amd64"

// Kernel is an unpacked one.
type Kernel struct {
	// Package is the name of Debian's package, with the release.
	Package string
	// Image is the file that a boot loader, or QEMU, starts.
	Image string
	// wanted are the modules that were asked for.
	wanted []string
	// modules are the files of its modules, by their names.
	modules map[string]string
}

// Fetch gives the kernel that folder holds with these modules, or downloads the one that apt has now; apt checks
// what it downloads. Of the modules it keeps those named and what they need. It fails where apt-get or dpkg-deb do,
// and says what they said. A second Fetch at once waits for the first.
func Fetch(ctx context.Context, folder string, modules []string) (*Kernel, error) {
	held, err := hold(ctx, filepath.Dir(folder))
	if err != nil {
		return nil, err
	}
	defer held.Close()
	if kernel, err := load(folder); err == nil && slices.Equal(kernel.wanted, modules) {
		return kernel, nil
	}
	work, err := os.MkdirTemp("", "domainpatch-kernel-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	kernel, err := download(ctx, work, modules)
	if err != nil {
		return nil, err
	}
	if err := kernel.install(folder); err != nil {
		return nil, err
	}
	return load(folder)
}

// hold waits until nobody else holds a folder, and holds it until the file is closed.
func hold(ctx context.Context, folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	file, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("cannot lock %s: %w", folder, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), file.Close())
		case <-ticker.C:
		}
	}
}

// download downloads and unpacks what apt has now.
func download(ctx context.Context, work string, modules []string) (*Kernel, error) {
	if err := os.Chmod(work, 0o777); err != nil { // apt downloads as a user of its own
		return nil, err
	}
	name, err := downloadCurrent(ctx, work)
	if err != nil && ctx.Err() == nil && os.Geteuid() == 0 { // apt's lists are missing or old
		_, updateErr := command(ctx, "", "apt-get", "-q", "update", "--error-on=any") // else it only warns
		if name, err = downloadCurrent(ctx, work); err != nil {
			err = errors.Join(err, updateErr)
		}
	}
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(files) != 1 {
		return nil, errors.Join(err, fmt.Errorf("apt-get download %s left %d packages", name, len(files)))
	}
	unpacked := filepath.Join(work, "unpacked")
	if err := unpack(ctx, files[0], unpacked); err != nil {
		return nil, fmt.Errorf("cannot unpack %s: %w", name, err)
	}
	text := strings.Join(append([]string{name}, modules...), "\n")
	if err := os.WriteFile(filepath.Join(unpacked, packageFile), []byte(text), 0o644); err != nil {
		return nil, err
	}
	return load(unpacked)
}

// packageFile names the package, and then the modules that were wanted.
const packageFile = "package"

// install copies the kernel, and of its modules what is needed, into a folder; the file that says so at last.
func (k *Kernel) install(folder string) error {
	modules, err := k.withDependencies(k.wanted)
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return err
	}
	for _, file := range slices.Concat([]string{k.Image}, modules, []string{filepath.Join(filepath.Dir(k.Image), packageFile)}) {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(file)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// load reads an unpacked kernel.
func load(folder string) (*Kernel, error) {
	text, err := os.ReadFile(filepath.Join(folder, packageFile))
	if err != nil {
		return nil, err
	}
	names := strings.Fields(string(text))
	if len(names) == 0 {
		return nil, fmt.Errorf("%s is empty", filepath.Join(folder, packageFile))
	}
	images, err := filepath.Glob(filepath.Join(folder, "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return nil, errors.Join(err, fmt.Errorf("%s holds %d kernels instead of one", folder, len(images)))
	}
	modules, err := filepath.Glob(filepath.Join(folder, "*.ko"))
	if err != nil {
		return nil, err
	}
	kernel := &Kernel{Package: names[0], Image: images[0], wanted: names[1:], modules: map[string]string{}}
	for _, module := range modules {
		kernel.modules[moduleName(module)] = module
	}
	return kernel, nil
}

// downloadCurrent downloads the kernel that the metapackage stands for, and returns the name of its package.
func downloadCurrent(ctx context.Context, folder string) (string, error) {
	out, err := command(ctx, "", "apt-cache", "depends", metapackage)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok {
			_, err := command(ctx, folder, "apt-get", "-q", "download", name)
			return name, err
		}
	}
	return "", fmt.Errorf("apt knows no package %s: run apt-get update as root", metapackage)
}

// unpack writes the kernel and all modules into a folder, without the folders that they are in.
func unpack(ctx context.Context, file, folder string) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", file)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = extract(tar.NewReader(out), folder)
	_, _ = io.Copy(io.Discard, out) // or dpkg-deb waits
	return errors.Join(err, cmd.Wait())
}

func extract(files *tar.Reader, folder string) error {
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Base(header.Name)
		if header.Typeflag != tar.TypeReg || !strings.HasPrefix(name, "vmlinuz-") && !strings.HasSuffix(name, ".ko") {
			continue
		}
		if err := writeFile(filepath.Join(folder, name), files); err != nil {
			return err
		}
	}
}

func writeFile(name string, content io.Reader) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// command runs a program and gives what it writes; a failure says that, too.
func command(ctx context.Context, folder, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
