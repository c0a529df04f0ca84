// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // as kubectl, for kubeconfigs with that auth provider
	"k8s.io/client-go/tools/clientcmd"

	"github.com/domainpatch/domainpatch/controllers/remote"
)

// clusterFlags are kubectl's flags that choose a cluster, for the verbs that read one.
type clusterFlags struct {
	kubeconfig string
	overrides  clientcmd.ConfigOverrides
}

// register adds the flags. They bear kubectl's names.
func (f *clusterFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file; without it $KUBECONFIG, or ~/.kube/config")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	names.ContextOverrideFlags.Namespace.Description = "namespace; without it the one of the kubeconfig's context"
	names.CurrentContext.Description = "context of the kubeconfig"
	if flags.Lookup(clientcmd.FlagClusterName) != nil { // of lint
		names.ContextOverrideFlags.ClusterName.LongName = ""
	}
	clientcmd.BindOverrideFlags(&f.overrides, flags, names)
	for _, rare := range rareFlags {
		if flag := flags.Lookup(rare); flag != nil {
			flag.Hidden = true
		}
	}
}

// rareFlags work as kubectl's, and help leaves them to `kubectl options`.
var rareFlags = []string{
	clientcmd.FlagAPIServer, clientcmd.FlagTLSServerName, clientcmd.FlagInsecure, clientcmd.FlagCertFile, clientcmd.FlagKeyFile, clientcmd.FlagCAFile,
	clientcmd.FlagBearerToken, clientcmd.FlagImpersonate, clientcmd.FlagImpersonateUID, clientcmd.FlagImpersonateGroup, "as-user-extra",
	clientcmd.FlagUsername, clientcmd.FlagPassword, clientcmd.FlagTimeout, clientcmd.FlagDisableCompression, clientcmd.FlagProxyURL,
	clientcmd.FlagClusterName, clientcmd.FlagAuthInfoName,
}

// complete completes --context by the kubeconfig's contexts, and offers no files for --namespace.
func (f *clusterFlags) complete(c *cobra.Command) {
	contexts := func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		rules.ExplicitPath = f.kubeconfig
		config, err := rules.Load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slices.Sorted(maps.Keys(config.Contexts)), cobra.ShellCompDirectiveNoFileComp
	}
	if err := c.RegisterFlagCompletionFunc(clientcmd.FlagContext, contexts); err != nil {
		panic(err) // the flag is not registered
	}
	completeFlag(c, clientcmd.FlagNamespace, nil)
}

// connect gives a reader for the chosen cluster, and the namespace that is meant where none is
// named. It does not ask the API server yet.
func (f *clusterFlags) connect() (reader *remote.Reader, namespace string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	config := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &f.overrides)
	rest, err := config.ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, "", errors.New("no cluster is configured: name a kubeconfig by --kubeconfig or $KUBECONFIG")
	case err != nil:
		return nil, "", fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	if namespace, _, err = config.Namespace(); err != nil {
		return nil, "", fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	rest.UserAgent = "kubectl-domainpatch"
	reader, err = remote.New(rest)
	return reader, namespace, err
}
