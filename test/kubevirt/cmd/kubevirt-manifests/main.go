// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command kubevirt-manifests prints, as YAML, what KubeVirt's operator would
// install in a cluster for virt-api and virt-controller to work: the custom
// resource definitions or, with --webhooks, the configurations of virt-api's
// webhooks for a virt-api that runs outside the cluster. The project's other
// tests get them that way without depending on KubeVirt's module.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = `usage: kubevirt-manifests
       kubevirt-manifests --webhooks --url https://127.0.0.1:PORT --ca FILE

Without flags it prints KubeVirt's custom resource definitions. With --webhooks
it prints virt-api's mutating and validating webhook configurations instead,
which call the URL and trust the PEM certificates in FILE.
`

func main() {
	webhooks := flag.Bool("webhooks", false, "")
	url := flag.String("url", "", "")
	ca := flag.String("ca", "", "")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flag.Parse()
	if *webhooks != (*url != "") || *webhooks != (*ca != "") || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, *url, *ca); err != nil {
		fmt.Fprintf(os.Stderr, "kubevirt-manifests: %v\n", err)
		os.Exit(1)
	}
}

// run prints the webhooks if there is a URL, else the definitions.
func run(w io.Writer, url, ca string) error {
	if url == "" {
		definitions, err := definitions()
		return errors.Join(err, encode(w, definitions))
	}
	bundle, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	webhooks, err := webhooks(url, bundle)
	return errors.Join(err, encode(w, webhooks))
}
