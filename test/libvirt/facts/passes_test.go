// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package facts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"
	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// TestBetweenPasses has libvirt define KubeVirt's domains and the results of all samples, and what virt-launcher reads of what
// libvirt says judge two that know libvirt by heart: the play of the tests, and the engine's model of the next call.
func TestBetweenPasses(t *testing.T) {
	d := newDefiner(t)
	launcher := buildLauncher(t)
	defined, said, played, real := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	names := defineAll(t, d, defined, said)
	runLauncher(t, launcher, said, real, names)
	runLauncher(t, launcher, defined, played, names, "--play")
	for name := range unplayed {
		if !slices.Contains(names, name) {
			t.Errorf("there is no %s, which is known to differ", name)
		}
	}
	for _, name := range names {
		libvirts := readFile(t, real, name)
		t.Run("Play/"+name, func(t *testing.T) { checkPlay(t, name, libvirts, readFile(t, played, name)) })
		t.Run("Model/"+name, func(t *testing.T) { checkModel(t, libvirts, readFile(t, defined, name)) })
		t.Run("Addresses/"+name, func(t *testing.T) { checkAddresses(t, readFile(t, said, name)) })
	}
}

// checkPlay wants the same devices, in the same order and with the same addresses.
func checkPlay(t *testing.T, name, libvirts, played string) {
	t.Helper()
	diff := cmp.Diff(strings.Split(asOlder(libvirts), "\n"), strings.Split(asOlder(played), "\n"))
	if (diff != "") != (unplayed[name] != "") {
		t.Errorf("known to differ: %q; -libvirt +play:\n%s", unplayed[name], diff)
	}
}

// checkAddresses wants libvirt to give addresses to the devices that the engine expects to get one, and to no others.
func checkAddresses(t *testing.T, said string) {
	t.Helper()
	for _, device := range xmlquery.Find(parse(t, said).Root(), "/domain/devices/*") {
		if device.Data == "serial" {
			continue // some of the samples give one its own
		}
		if has := xmlquery.FindOne(device, "address") != nil; has != schema.GetsAddress(device) {
			t.Errorf("has an address of libvirt's: %t, and the engine expects the contrary: %s", has, device.OutputXML(true))
		}
	}
}

// checkModel wants devices of the same kinds. The model has one PCIe root port for any number, and leaves the first console its
// type: libvirt makes that of a serial port the copy of the first one.
func checkModel(t *testing.T, libvirts, defined string) {
	t.Helper()
	doc := parse(t, defined)
	const marker = "model"
	next, err := schema.Next(doc.Element(), schema.OthersOf(doc.Element()), marker, false)
	if err != nil {
		t.Fatal(err)
	}
	want, got := kinds(parse(t, asOlder(libvirts))), kinds(parse(t, string(next[0])))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-libvirt +model:\n%s", diff)
	}
}

// kinds are the devices, as far as both have them.
func kinds(doc *document.Document) (all []string) {
	for _, device := range xmlquery.Find(doc.Root(), "/domain/devices/*") {
		kind := device.Data
		for _, name := range []string{"type", "bus", "model", "index"} {
			kind += " " + device.SelectAttr(name)
		}
		switch {
		case schema.Of(device) == nil, device.Data == "interface", device.Data == "emulator", strings.HasPrefix(kind, "watchdog   itco"), strings.HasPrefix(kind, "controller pci"):
			continue
		}
		all = append(all, strings.Replace(kind, "console unix", "console pty", 1))
	}
	slices.Sort(all)
	return all
}

func parse(t *testing.T, domain string) *document.Document {
	t.Helper()
	doc, err := document.Parse([]byte(domain))
	if err != nil {
		t.Fatalf("%v:\n%s", err, domain)
	}
	return doc
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
		t.Fatalf("cannot build the launcher: %v\n%s", err, out)
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
	doc := parse(t, string(data))
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
	file, err := d.host.Write("facts.xml", []byte(domain))
	if err != nil {
		t.Fatal(err)
	}
	kept, err = d.session.Define(file, xmlquery.FindOne(parse(t, domain).Root(), "/domain/name").InnerText())
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
