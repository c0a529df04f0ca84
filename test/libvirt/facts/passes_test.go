// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"
	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch/document"
)

// TestPlayedLibvirt: what the tests of KubeVirt play between two calls of the hook is what libvirt's QEMU driver does to the
// same domains, as far as KubeVirt reads it.
func TestPlayedLibvirt(t *testing.T) {
	d := newDefiner(t)
	launcher := buildLauncher(t)
	dirs := map[string]string{}
	for _, name := range []string{"defined", "said", "played", "real"} {
		dirs[name] = t.TempDir()
	}
	names := defineAll(t, d, dirs["defined"], dirs["said"])
	runLauncher(t, launcher, dirs["said"], dirs["real"], names)
	runLauncher(t, launcher, dirs["defined"], dirs["played"], names, "--play")
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			played, real := asOlder(readFile(t, dirs["played"], name)), asOlder(readFile(t, dirs["real"], name))
			diff := cmp.Diff(strings.Split(real, "\n"), strings.Split(played, "\n"))
			if (diff != "") != (unplayed[name] != "") {
				t.Errorf("known to differ: %q; -libvirt +play:\n%s", unplayed[name], diff)
			}
		})
	}
}

// asOlder leaves out the devices that libvirt adds since 9.1, and the emulator that it chooses.
func asOlder(devices string) string {
	return newer.ReplaceAllString(devices, "")
}

var newer = regexp.MustCompile(`\t\t<(watchdog model="itco" action="reset"></watchdog|emulator>.*</emulator)>\n`)

// unplayed are the domains of which libvirt makes something else than the play does, and why.
var unplayed = map[string]string{
	"device-ivshmem.xml": "KubeVirt's structs have no shared memory, which takes a place behind a bridge",
	"disk-blockio.xml":   "this libvirt does not know discard_granularity",
}

func buildLauncher(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "launcher")
	build := exec.Command("go", "build", "-C", "../../kubevirt", "-trimpath", "-o", program, "./cmd/launcher")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build it: %v\n%s", err, out)
	}
	return program
}

func runLauncher(t *testing.T, launcher, in, out string, names []string, flags ...string) {
	t.Helper()
	args := append([]string{"inactive", "--out", out}, flags...)
	for _, name := range names {
		args = append(args, filepath.Join(in, name))
	}
	if said, err := exec.Command(launcher, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

// defineAll gives libvirt KubeVirt's domains and the results of all samples, and writes what it was given and what it says.
func defineAll(t *testing.T, d definer, defined, said string) (names []string) {
	t.Helper()
	plain, err := filepath.Glob("../../../patch/testdata/domains/*.xml")
	if err != nil {
		t.Fatal(err)
	}
	samples, err := filepath.Glob("../../../config/samples/*/" + offline.WantDomain)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(plain, samples...) {
		name := filepath.Base(file)
		if name == offline.WantDomain {
			name = filepath.Base(filepath.Dir(file)) + ".xml"
		}
		domain, ok := here(t, file)
		if !ok {
			continue
		}
		kept := d.define(t, name, domain)
		writeFile(t, defined, name, domain)
		writeFile(t, said, name, kept)
		names = append(names, name)
	}
	if len(names) < 50 {
		t.Fatalf("only %d domains", len(names))
	}
	return names
}

// missingHere is what the libvirt or the QEMU of this machine does not know, or what needs another program.
var missingHere = []string{
	"/domain/devices/tpm",                   // swtpm is not installed
	"/domain/maxMemory",                     // libvirt before 9.1 wants memory slots
	"/domain/features/hyperv/*",             // some are newer
	"/domain/devices/disk/driver/iothreads", // since 10.0
}

func setAttribute(t *testing.T, doc *document.Document, path, name, value string) {
	t.Helper()
	for _, n := range xmlquery.Find(doc.Root(), path) {
		if _, err := doc.SetAttribute(n, document.Attribute(n, "", name), value); err != nil {
			t.Fatal(err)
		}
	}
}

// here makes a domain of KubeVirt's one that can be defined on this machine; false for those of other architectures.
func here(t *testing.T, file string) (domain string, ok bool) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := document.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	root := doc.Root()
	if arch := xmlquery.FindOne(root, "/domain/os/type/@arch"); arch == nil || arch.InnerText() != "x86_64" {
		return "", false
	}
	setAttribute(t, doc, "/domain", "type", "qemu")
	setAttribute(t, doc, "/domain/cpu[@mode='host-passthrough']", "mode", "maximum")
	for _, n := range xmlquery.Find(root, strings.Join(missingHere, " | ")) {
		if err := doc.Remove(n); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range xmlquery.Find(root, "/domain/devices/emulator") {
		if _, err := doc.SetText(n, "/usr/bin/qemu-system-x86_64"); err != nil {
			t.Fatal(err)
		}
	}
	return string(doc.Bytes()), true
}

func (d definer) define(t *testing.T, name, domain string) (kept string) {
	t.Helper()
	doc, err := document.Parse([]byte(domain))
	if err != nil {
		t.Fatal(err)
	}
	file, err := d.host.Write("facts.xml", []byte(domain))
	if err != nil {
		t.Fatal(err)
	}
	kept, err = d.session.Define(file, xmlquery.FindOne(doc.Root(), "/domain/name").InnerText())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return kept
}

func writeFile(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
