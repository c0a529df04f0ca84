// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"

	"github.com/antchfx/xmlquery"
	"github.com/beevik/etree"
	"libvirt.org/go/libvirtxml"
)

// entry is one value for the baseboard, by the name of libvirt's documentation.
type entry struct{ name, value string }

func entries() []entry {
	return []entry{{"manufacturer", "Radical Edward"}, {"product", "Tomato"}, {"serial", "BB-0042"}}
}

// withXMLQuery is what a sidecar in Go with xmlquery does.
func withXMLQuery(doc []byte, entries []entry) ([]byte, error) {
	tree, err := xmlquery.Parse(bytes.NewReader(doc))
	if err != nil {
		return nil, err
	}
	system := xmlquery.FindOne(tree, "/domain/os")
	board := xmlquery.FindOne(tree, "/domain/sysinfo[@type='smbios']/baseBoard")
	if system == nil || board == nil {
		return nil, errors.New("no place for the edits")
	}
	smbios := xmlquery.FindOne(system, "smbios")
	if smbios == nil {
		smbios = &xmlquery.Node{Type: xmlquery.ElementNode, Data: "smbios"}
		xmlquery.AddChild(system, smbios)
	}
	smbios.SetAttr("mode", "sysinfo")
	for _, e := range entries {
		n := xmlquery.FindOne(board, "entry[@name='"+e.name+"']")
		if n == nil {
			n = &xmlquery.Node{Type: xmlquery.ElementNode, Data: "entry"}
			n.SetAttr("name", e.name)
			xmlquery.AddChild(n, &xmlquery.Node{Type: xmlquery.TextNode})
			xmlquery.AddChild(board, n)
		}
		n.FirstChild.Data = e.value
	}
	return []byte(tree.OutputXML(true)), nil
}

// withEtree does the same with etree.
func withEtree(doc []byte, entries []entry) ([]byte, error) {
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(doc); err != nil {
		return nil, err
	}
	system := tree.FindElement("/domain/os")
	board := tree.FindElement("/domain/sysinfo[@type='smbios']/baseBoard")
	if system == nil || board == nil {
		return nil, errors.New("no place for the edits")
	}
	smbios := system.SelectElement("smbios")
	if smbios == nil {
		smbios = system.CreateElement("smbios")
	}
	smbios.CreateAttr("mode", "sysinfo")
	for _, e := range entries {
		n := board.FindElement("entry[@name='" + e.name + "']")
		if n == nil {
			n = board.CreateElement("entry")
			n.CreateAttr("name", e.name)
		}
		n.SetText(e.value)
	}
	return tree.WriteToBytes()
}

// withLibvirtXML does the same with libvirt's own structs, as KubeVirt's Go hooks do.
func withLibvirtXML(doc []byte, entries []entry) ([]byte, error) {
	var domain libvirtxml.Domain
	if err := xml.Unmarshal(doc, &domain); err != nil {
		return nil, err
	}
	if domain.OS == nil || len(domain.SysInfo) == 0 || domain.SysInfo[0].SMBIOS == nil || len(domain.SysInfo[0].SMBIOS.BaseBoard) == 0 {
		return nil, errors.New("no place for the edits")
	}
	domain.OS.SMBios = &libvirtxml.DomainSMBios{Mode: "sysinfo"}
	board := &domain.SysInfo[0].SMBIOS.BaseBoard[0]
	for _, e := range entries {
		found := false
		for i := range board.Entry {
			if board.Entry[i].Name == e.name {
				board.Entry[i].Value, found = e.value, true
			}
		}
		if !found {
			board.Entry = append(board.Entry, libvirtxml.DomainSysInfoEntry{Name: e.name, Value: e.value})
		}
	}
	return xml.Marshal(&domain)
}

// rawTokens only reads: nothing that stands on encoding/xml can be faster.
func rawTokens(doc []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(doc))
	for {
		_, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
