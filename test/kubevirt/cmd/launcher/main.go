// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command launcher plays KubeVirt's virt-launcher towards hook sidecars: it
// makes domains from VMIs and calls the hooks with them, with KubeVirt's code.
// See the package launcher for what it is and what it is not. For tests only.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = `usage: launcher COMMAND [FLAGS]

  domain   --vmi FILE
           print the domain XML that KubeVirt makes of a VMI
  domains  --out DIR VMI.yaml...
           write DIR/NAME.xml and DIR/NAME.vmi.json for every VMI
  inactive --out DIR [--play] FILE...
           write to DIR, under the file's name, the devices that virt-launcher reads of what libvirt
           says of a domain; with --play FILE is the domain that it had defined, and libvirt is played
  hooks    --sockets DIR --sidecars N --vmi FILE --out DIR [--passes N] [--timeout 60s]
           start the VM as far as the hooks go; sockets are DIR/CONTAINER/*.sock
  iso      --vmi FILE --cloud-init FILE --out DIR
           make the cloud-init disk of what hooks left in cloud-init.after.json, below DIR
           where KubeVirt has it, and print its path; needs xorrisofs
  sidecar  --sockets DIR --name CONTAINER [--hooks-tmpfs OPTIONS] [--cgroup DIR]...
           [--user ID] [--root DIR [--mount SOURCE=TARGET]...] COMMAND [ARG...]
           run a sidecar as its container would: its /var/run/kubevirt-hooks is
           DIR/CONTAINER, or a tmpfs with these options. With --user it is an
           ordinary user without capabilities. With --root it has a read-only root
           with nothing but the mounts, and those of the sockets are up to you; DIR
           is an empty folder. Both need root

A FILE is YAML or JSON, - is the standard input. Exit codes: 0 done, 1 failed, 2 bad usage.
`

// usageError is the caller's mistake: exit code 2.
type usageError struct{ error }

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout)
	var mistake usageError
	switch {
	case err == nil:
		return
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage)
	case errors.As(err, &mistake):
		fmt.Fprintf(os.Stderr, "launcher: %v\n\n%s", err, usage)
		os.Exit(2)
	default:
		fmt.Fprintf(os.Stderr, "launcher: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		return usageError{errors.New("no command given")}
	}
	switch command, args := args[0], args[1:]; command {
	case "domain":
		return printDomain(args, stdin, stdout)
	case "domains":
		return writeDomains(args)
	case "inactive":
		return writeInactive(args)
	case "hooks":
		return callHooks(args, stdin, stdout)
	case "iso":
		return writeISO(args, stdin, stdout)
	case "sidecar":
		return runSidecar(args)
	case enterCommand:
		return enterContainer(args)
	case "help", "-h", "--help":
		return flag.ErrHelp
	default:
		return usageError{fmt.Errorf("no command %q", command)}
	}
}

// optional is the usage text of flags that may be left out; the help is the constant usage.
const optional = "optional"

// parse reads the flags; with rest, arguments after them are wanted, too.
func parse(flags *flag.FlagSet, args []string, rest bool) error {
	flags.SetOutput(io.Discard)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if rest != (flags.NArg() > 0) {
		return usageError{fmt.Errorf("%s: bad arguments after the flags: %q", flags.Name(), flags.Args())}
	}
	var missing error
	flags.VisitAll(func(f *flag.Flag) {
		if f.Value.String() == "" && f.Usage != optional {
			missing = usageError{fmt.Errorf("%s: --%s is missing", flags.Name(), f.Name)}
		}
	})
	return missing
}
