// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/domainpatch/domainpatch/controllers/admission"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// Values of --render-into.
const (
	renderIntoInstance = "instance"
	renderIntoTemplate = "template"
)

type options struct {
	image          render.Image
	renderInto     string
	namespace      string
	serviceName    string
	certDir        string
	certRotation   bool
	webhookHost    string
	webhookPort    int
	metricsAddress string
	healthAddress  string
	// profilingAddress is empty where profiles are not served.
	profilingAddress string
	leaderElection   bool
	lockdown         admission.LockdownMode
	bundleSweepAfter time.Duration
	level            slog.Level
}

// parse reads the flags. Errors that it returns are not printed yet; the usage that -h asks for is.
func parse(args []string, out io.Writer) (options, error) {
	var o options
	flags := o.flags()
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(out)
		flags.Usage()
	}
	if err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: the manager takes flags only", flags.Arg(0))
	}
	return o, o.validate()
}

// flags are those that set the options, which they give their defaults.
func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	config.RegisterFlags(flags)
	flags.StringVar(&o.image.Name, "shim-image", "", "`image` of the shim that runs beside patched VMs (required)")
	flags.StringVar(&o.image.PullPolicy, "shim-image-pull-policy", "", "`policy`: Always, IfNotPresent or Never; Kubernetes chooses if empty")
	flags.StringVar(&o.renderInto, "render-into", renderIntoInstance, "`where` to write what the patches of a VM render to: instance (by webhooks) or template (weaker, without any webhook)")
	flags.StringVar(&o.namespace, "namespace", "domainpatch-system", "`namespace` of the operator, for its lease, certificate and service")
	flags.StringVar(&o.serviceName, "service-name", "domainpatch-webhook", "`name` of the service that leads to the webhooks")
	flags.StringVar(&o.certDir, "cert-dir", "/var/run/domainpatch/certificate", "`directory` with tls.crt and tls.key of the webhooks")
	flags.BoolVar(&o.certRotation, "cert-rotation", true, "create and renew the certificate, and put its CA into the webhook configurations")
	flags.StringVar(&o.webhookHost, "webhook-host", "", "`address` on which to serve the webhooks; all if empty")
	flags.IntVar(&o.webhookPort, "webhook-port", 9443, "`port` on which to serve the webhooks")
	flags.StringVar(&o.metricsAddress, "metrics-address", ":8080", "`address` on which to serve metrics; 0 for nowhere")
	flags.StringVar(&o.healthAddress, "health-address", ":8081", "`address` on which to serve /healthz and /readyz; 0 for nowhere")
	flags.StringVar(&o.profilingAddress, "profiling-address", "", "`address` on which to serve Go's profiles, such as localhost:6060; nowhere if empty")
	flags.BoolVar(&o.leaderElection, "leader-election", true, "let one replica alone write the status of patches; all serve the webhooks")
	flags.StringVar((*string)(&o.lockdown), "lockdown", string(admission.LockdownOff), "`mode`: off, audit or enforce: what to do about hook sidecars that are not DomainPatch's; needs config/lockdown")
	flags.DurationVar(&o.bundleSweepAfter, "bundle-sweep-after", 10*time.Minute, "`time` for which the ConfigMap of a bundle that no VMI names is marked before it is deleted")
	flags.TextVar(&o.level, "log-level", slog.LevelInfo, "least `level` to log: debug, info, warn or error")
	return flags
}

func (o options) validate() error {
	switch {
	case o.image.Name == "":
		return errors.New("--shim-image is missing")
	case !slices.Contains([]string{"", "Always", "IfNotPresent", "Never"}, o.image.PullPolicy):
		return fmt.Errorf("--shim-image-pull-policy: %q is none of Always, IfNotPresent and Never", o.image.PullPolicy)
	case o.renderInto != renderIntoInstance && o.renderInto != renderIntoTemplate:
		return fmt.Errorf("--render-into: %q is neither %s nor %s", o.renderInto, renderIntoInstance, renderIntoTemplate)
	case o.webhookPort < 1 || o.webhookPort > 65535:
		return fmt.Errorf("--webhook-port: %d is not between 1 and 65535", o.webhookPort)
	case !slices.Contains([]admission.LockdownMode{admission.LockdownOff, admission.LockdownAudit, admission.LockdownEnforce}, o.lockdown):
		return fmt.Errorf("--lockdown: %q is none of off, audit and enforce", o.lockdown)
	case o.lockdown != admission.LockdownOff && o.renderInto == renderIntoTemplate:
		return errors.New("--lockdown needs webhooks, and there are none with --render-into=template")
	case o.bundleSweepAfter <= 0:
		return fmt.Errorf("--bundle-sweep-after: %s is not positive", o.bundleSweepAfter)
	case o.namespace == "" || o.certDir == "":
		return errors.New("--namespace and --cert-dir must not be empty")
	}
	return nil
}
