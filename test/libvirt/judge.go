// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package libvirt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// judge asks libvirt.
type judge struct {
	ctx  context.Context
	host *virsh.Host
	test *virsh.Session // of libvirt's test driver
	qemu *virsh.Session // of its QEMU driver
	// starting is for sessions that start one domain: a host has one session of the QEMU driver at a time.
	starting *virsh.Host
}

func newJudge(ctx context.Context, host, starting *virsh.Host) (*judge, error) {
	test, err := host.Open(ctx, virsh.TestDriver)
	if err != nil {
		return nil, err
	}
	qemu, err := host.Open(ctx, host.QEMUDriver())
	if err != nil {
		return nil, errors.Join(err, test.Close())
	}
	j := &judge{ctx: ctx, host: host, test: test, qemu: qemu, starting: starting}
	if err := qemu.CheckVersions(); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

func (j *judge) close() error { return errors.Join(j.test.Close(), j.qemu.Close()) }

// subject is a case on its way through libvirt.
type subject struct {
	name          string // of the domain
	before, after []byte
	rules         []patch.RulePlaces
}

// readSubject reads a case folder. It fails where want.xml is not what the patch makes.
func readSubject(ctx context.Context, dir string) (*subject, error) {
	if r := offline.RunCase(ctx, dir); !r.Passed() {
		return nil, errors.Join(r.Err, mismatches(r))
	}
	s := &subject{}
	var err error
	if s.before, err = os.ReadFile(filepath.Join(dir, offline.CaseDomain)); err != nil {
		return nil, err
	}
	if s.after, err = os.ReadFile(filepath.Join(dir, offline.WantDomain)); err != nil {
		return nil, err
	}
	if s.name, err = textOf(s.before, "/domain/name"); err != nil {
		return nil, err
	}
	objects, _, err := offline.Files{}.Objects([]string{filepath.Join(dir, offline.CasePatch)})
	if err != nil {
		return nil, err
	}
	for _, p := range render.Patches(objects.Patches, objects.ClusterPatches) {
		program, err := render.Compile(p)
		if err != nil {
			return nil, err
		}
		s.rules = append(s.rules, program.Places()...)
	}
	return s, nil
}

func mismatches(r *offline.CaseResult) error {
	var errs []error
	for i := range r.Mismatches {
		errs = append(errs, fmt.Errorf("%s: %s", r.Dir, r.Mismatches[i].Reason()))
	}
	return errors.Join(errs...)
}

// textOf is the text of the one node that a path selects.
func textOf(domain []byte, path string) (string, error) {
	found, err := texts(domain, path)
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s selects %d nodes, not one", path, len(found))
	}
	return found[0], nil
}

// prove asks libvirt about a case. What libvirt refuses is part of the proof; the error is for all else.
func (j *judge) prove(s *subject) (Proof, error) {
	var p Proof
	var err error
	if p.NotKept, err = j.notKept(s, &p); err != nil {
		return p, err
	}
	if p.Schema, err = j.schemaErrors(s); err != nil {
		return p, err
	}
	return p, j.start(s, &p)
}

// start asks for QEMU's command lines.
func (j *judge) start(s *subject, p *Proof) error {
	asks := []ask{j.native}
	if s.writesBelow("/domain/devices/interface") {
		asks = append(asks, j.connected)
	}
	if s.writesBelow("/domain/devices/disk/iotune") {
		asks = append(asks, j.limited)
	}
	for _, ask := range asks {
		if err := p.compare(j, s, ask); err != nil {
			return err
		}
	}
	return nil
}

// ask is a way to get at QEMU's command line for a domain.
type ask func(name string, domain []byte) (virsh.CommandLine, error)

// compare adds what the patch changes of it.
func (p *Proof) compare(j *judge, s *subject, ask ask) error {
	before, err := ask(s.name, s.before)
	if err != nil {
		return p.refuse("without the patch: ", j.plain(err.Error()), err)
	}
	after, err := ask(s.name, s.after)
	if err != nil {
		return p.refuse("", j.plain(err.Error()), err)
	}
	for _, line := range effect(before, after) {
		if !slices.Contains(p.QEMU, line) {
			p.QEMU = append(p.QEMU, line)
		}
	}
	return nil
}

// refuse keeps what libvirt said. An error in which it said nothing is returned.
func (p *Proof) refuse(prefix, said string, err error) error {
	_, said, found := strings.Cut(said, ": error: ")
	if !found {
		return err
	}
	if p.Refused == nil {
		p.Refused = map[string]string{}
	}
	p.Refused[prefix+strings.NewReplacer("error: ", "", "\n", ": ").Replace(said)] = ""
	return nil
}

// notKept defines the domain, and compares what libvirt prints of it.
func (j *judge) notKept(s *subject, p *Proof) (map[string]string, error) {
	session, lists := j.test, [][]change{toDefine}
	if strings.Contains(string(s.after), "<qemu:") { // the test driver does not know this namespace
		session, lists = j.qemu, append(lists, toAskQEMU)
	}
	local, err := localise(s.after, lists...)
	if err != nil {
		return nil, err
	}
	file, err := j.host.Write("define.xml", local)
	if err != nil {
		return nil, err
	}
	kept, err := session.Define(file, s.name)
	if err != nil {
		return nil, p.refuse("define: ", j.plain(err.Error()), err)
	}
	return s.notKeptIn([]byte(kept))
}

// notKeptIn compares what libvirt prints of the domain.
func (s *subject) notKeptIn(kept []byte) (map[string]string, error) {
	var domains []*document.Document
	for _, text := range [][]byte{s.before, s.after, kept} {
		domain, err := document.Parse(text)
		if err != nil {
			return nil, err
		}
		domains = append(domains, domain)
	}
	paths, compared, err := lost(s.rules, domains[0], domains[1], domains[2])
	if err != nil {
		return nil, err
	}
	if compared == 0 && string(s.before) != string(s.after) {
		return nil, errors.New("the patch changes the domain, but its paths lead nowhere")
	}
	return unexplained(paths), nil
}

// unexplained are findings whose reasons are still to be given.
func unexplained(all []string) map[string]string {
	if len(all) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, one := range all {
		m[one] = ""
	}
	return m
}

// schemaErrors are those of the patched domain. The domain must have none before: xmllint names of many errors in
// the devices the first one, which would hide those of the patch.
func (j *judge) schemaErrors(s *subject) (map[string]string, error) {
	var files []string
	for name, domain := range map[string][]byte{"before.xml": s.before, "after.xml": s.after} {
		local, err := localise(domain, toDefine, toValidate)
		if err != nil {
			return nil, err
		}
		file, err := j.host.Write(name, local)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	found, err := virsh.SchemaErrors(j.ctx, files...)
	if err != nil {
		return nil, err
	}
	if before := found[j.host.Path("before.xml")]; len(before) > 0 {
		return nil, fmt.Errorf("the schema finds errors without the patch, which hide others: add to toValidate what makes them\n%s", strings.Join(before, "\n"))
	}
	return unexplained(found[j.host.Path("after.xml")]), nil
}

// native asks for QEMU's command line without starting the domain.
func (j *judge) native(_ string, domain []byte) (virsh.CommandLine, error) {
	file, err := writeToAsk(j.host, domain, toGiveArguments)
	if err != nil {
		return nil, err
	}
	line, err := j.qemu.NativeArguments(file)
	return j.plainLine(line, domain), err
}

// writeToAsk writes a domain that the QEMU driver of the host can start, and returns the file.
func writeToAsk(host *virsh.Host, domain []byte, more []change) (string, error) {
	local, err := localise(domain, toDefine, toAskQEMU, more)
	if err != nil {
		return "", err
	}
	if local, err = ownFiles(host, local); err != nil {
		return "", err
	}
	return host.Write("ask.xml", local)
}

// plainLine leaves out what differs from run to run: our folder, the number of the domain, and UUID and addresses that libvirt makes up.
func (j *judge) plainLine(line virsh.CommandLine, domain []byte) virsh.CommandLine {
	plain := make(virsh.CommandLine, 0, len(line))
	for _, option := range line {
		uuid, isUUID := strings.CutPrefix(option, "-uuid ")
		if isUUID && !strings.Contains(string(domain), uuid) {
			continue
		}
		option = address.ReplaceAllStringFunc(option, func(mac string) string {
			if strings.Contains(string(domain), mac) {
				return mac
			}
			return "MAC"
		})
		plain = append(plain, j.plain(option))
	}
	return plain
}

// address is one of those that libvirt makes up.
var address = regexp.MustCompile(`52:54:00(:[0-9a-f]{2}){3}`)

// domainID is in the path of a folder that libvirt makes for a domain that it starts.
var domainID = regexp.MustCompile(`/domain-[0-9]+-`)

// plain is a text without the names of folders that differ from run to run.
func (j *judge) plain(text string) string {
	text = strings.NewReplacer(j.starting.Path(emulator), "/usr/bin/"+emulator, j.host.Path(""), "HERE", j.starting.Path(""), "HERE").Replace(text)
	return domainID.ReplaceAllString(text, "/domain-N-")
}

// writesBelow says whether the patch may write at a path of names or below it.
func (s *subject) writesBelow(path string) bool {
	for _, rule := range s.rules {
		for i := range rule.Places {
			if strings.HasPrefix(rule.Places[i].Shape()+"/", path+"/") {
				return true
			}
		}
	}
	return false
}
