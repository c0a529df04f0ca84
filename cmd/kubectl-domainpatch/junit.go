// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// junitSuite is the report of a test run as CI systems read it: a JUnit testsuite of testcases.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Time     string      `xml:"time,attr"` // seconds
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"` // seconds
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func (t *testReport) printJUnit(w io.Writer) error {
	const name = "domainpatch"
	suite := junitSuite{Name: name, Tests: len(t.Cases), Failures: t.Failed}
	total := 0.0
	for _, c := range t.Cases {
		total += c.Seconds
		one := junitCase{Class: name, Name: c.Case, Time: fmt.Sprintf("%.3f", c.Seconds)}
		if !c.Passed {
			text := c.details(io.Discard) // without colours
			message, _, _ := strings.Cut(text, "\n")
			one.Failure = &junitFailure{Message: message, Text: text}
		}
		suite.Cases = append(suite.Cases, one)
	}
	suite.Time = fmt.Sprintf("%.3f", total)
	text, err := xml.MarshalIndent(suite, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	}
	return err
}
