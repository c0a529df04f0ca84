// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package bundles looks after the ConfigMaps of bundles from the first use to the last. The
// Store, in every replica, makes one exist before a VMI names it. The Reconciler, on the
// leader, marks those that nothing names, sweeps those that stay so, and creates again
// those that are named and missing.
//
// Two things are promised. A ConfigMap that a VMI names, or that a webhook has said yes to and
// whose VMI is on its way, is not swept. And nothing is ever marked or swept but a ConfigMap
// with our label whose name is the hash of its content.
//
// The sweep deletes one version of a ConfigMap (a precondition on uid and resourceVersion)
// that is marked, that the reconciler has watched unchanged for SweepAfter, and that a live
// list of the namespace, begun after that wait, does not name. The races, one by one:
//
//   - A webhook reads an unmarked bundle, and its VMI comes to be seconds later. The mark can
//     only be younger than that look, and the sweep is SweepAfter younger than the mark. By
//     then the VMI exists, and the list finds it, or its creation has failed: SweepAfter must
//     be longer than a request to the API server may take.
//   - A webhook reads a marked bundle. It takes the mark off before it answers, with a
//     precondition on the version. The same version cannot be deleted, too: one of both fails.
//     A webhook that fails looks again and creates; a sweep that fails waits anew.
//   - The mark is taken off and set again. That is another version: the wait begins again.
//   - The cache of VMIs is late or lacks some. A mark is the worst that comes of it; the list
//     before the sweep is live.
//   - Clocks differ or jump. The time in the mark is for people. What is waited for is the
//     leader's own monotonic clock since it saw the version.
//   - Another replica leads. It has waited for nothing yet, and begins. A leader that was
//     frozen meanwhile, between its list and its delete, deletes a version that no webhook
//     has touched since, or nothing.
//   - A bundle is written, and its VMI is refused. It is like any other that nothing names.
//   - A VMI is being deleted. Its pod may still migrate: it names its bundle until it is gone.
//   - A backup brings a ConfigMap back with its mark, and later its VMI. The wait begins when
//     the reconciler sees it, and the VMI, if it comes in time, takes the mark off; else the
//     webhook has the ConfigMap created again.
//   - A VMI comes where no webhook is called, between the list and the delete. Nothing prevents
//     that; the bundle is then created again from what the cache held.
//   - A ConfigMap has a finalizer. A sweep would leave it half deleted, under a name that the
//     next VMI needs: it is left alone.
//
// A bundle that is missing is looked for live first, for the cache may be late; then in what
// the cache held when it was deleted, which is remembered while somebody names it; then
// among the patches that bind its users now. Content that has the hash is right wherever it
// comes from. If all fail it is lost. In a namespace that is being deleted nothing is created.
//
// As long as the cluster has no KubeVirt nothing is marked, swept or restored; while VMIs cannot
// be listed nothing is swept.
package bundles
