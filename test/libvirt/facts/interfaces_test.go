// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package facts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// TestInterfaces starts interfaces as KubeVirt has them. Lint tells (DP120, DP121) that libvirt limits no bandwidth where
// it does not run as root, and that it tells guests the MTU of virtio interfaces alone.
func TestInterfaces(t *testing.T) {
	for name, c := range map[string]struct{ model, more, refused, told string }{
		"Bandwidth":  {"virtio", "<bandwidth><inbound average='1000'/></bandwidth>", "not available in session mode", ""},
		"VirtioMTU":  {"virtio-non-transitional", "<mtu size='1480'/>", "", `"host_mtu":1480`},
		"E1000eMTU":  {"e1000e", "<mtu size='1480'/>", "", ""},
		"Vmxnet3MTU": {"vmxnet3", "<mtu size='1480'/>", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			card, err := startInterface(t, fmt.Sprintf(`<model type="%s"/>%s`, c.model, c.more))
			if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
				t.Fatalf("got error %v, want one with %q", err, c.refused)
			}
			if told := strings.Contains(card, "mtu"); err == nil && (told != (c.told != "") || !strings.Contains(card, c.told)) {
				t.Errorf("QEMU is told %s, want %q", card, c.told)
			}
		})
	}
}

// startInterface starts a domain with one interface, and returns QEMU's option for it.
func startInterface(t *testing.T, content string) (card string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	host := virsh.ForTest(t)
	file, err := host.Write("facts.xml", []byte(`<domain type="qemu"><name>facts</name><memory unit="MiB">64</memory><os>`+machine+`</os><devices>`+
		`<interface type="ethernet"><mac address="02:00:00:00:00:01"/><target dev="tap0" managed="no"/>`+content+`</interface></devices></domain>`))
	if err != nil {
		t.Fatal(err)
	}
	session, err := host.Open(ctx, host.QEMUDriver(), virsh.Tap{Name: "tap0"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := session.Do("create --paused " + file); err != nil {
		return "", err
	}
	line, err := host.StartedWith("facts")
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(line, func(option string) bool { return strings.Contains(option, "02:00:00:00:00:01") })
	if at < 0 {
		t.Fatalf("QEMU has no such card: %q", line)
	}
	return line[at], nil
}
