// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/cmd/terminal"
	"github.com/domainpatch/domainpatch/test/cluster"
)

// show saves and prints what the patches changed: before is what libvirt and the guest would
// get without them.
func (s *story) show(context.Context) error {
	if s.without.CloudInit == nil || s.with.CloudInit == nil {
		return errors.New("the VM has no cloud-init data")
	}
	fmt.Fprintln(s.w)
	return showChanges(s.w, s.without, s.with, s.out)
}

// showChanges saves both results in a folder and prints how they differ.
func showChanges(w io.Writer, without, with *cluster.Boot, out string) error {
	files := map[string][]byte{"domain.before.xml": without.Domain, "domain.after.xml": with.Domain}
	printDiff(w, "domain.before.xml", without.Domain, "domain.after.xml", with.Domain)
	if before, after := without.CloudInit, with.CloudInit; before != nil && after != nil {
		files["cloud-init.before.json"], files["cloud-init.after.json"] = before.JSON, after.JSON
		printDiff(w, "user-data before", []byte(before.UserData), "user-data after", []byte(after.UserData))
		printDiff(w, "network-config before", []byte(before.NetworkData), "network-config after", []byte(after.NetworkData))
		printDiff(w, "meta-data before", metaData(before), "meta-data after", metaData(after))
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(out, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// metaData is the document on the disk, where it is YAML or JSON.
func metaData(c *cluster.CloudInit) []byte {
	data := c.NoCloudMetaData
	if data == nil {
		data = c.ConfigDriveMetaData
	}
	text, err := yaml.Marshal(data)
	if err != nil { // it came from JSON
		return []byte(err.Error())
	}
	return text
}

// printDiff prints nothing for equal texts.
func printDiff(w io.Writer, oldName string, old []byte, newName string, new []byte) {
	text := diff.Diff(oldName, old, newName, new)
	_, text, _ = bytes.Cut(text, []byte("\n")) // the names follow once more
	fmt.Fprintf(w, "%s", terminal.Diff(w, text))
}

// saveYAML writes objects as users know them.
func (s *story) saveYAML(name string, objects ...client.Object) error {
	var documents [][]byte
	for _, object := range objects {
		kind, err := s.cluster.GroupVersionKindFor(object)
		if err != nil {
			return err
		}
		object.GetObjectKind().SetGroupVersionKind(kind)
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			return err
		}
		unstructured.RemoveNestedField(fields, "metadata", "managedFields")
		document, err := yaml.Marshal(fields)
		if err != nil {
			return err
		}
		documents = append(documents, document)
	}
	return os.WriteFile(filepath.Join(s.out, name), bytes.Join(documents, []byte("---\n")), 0o644)
}
