// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import "slices"

// target is a figure that the shim must keep.
type target struct {
	Name     string
	Limit    float64
	Measured float64
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}

// targets compares what was measured with what the shim promises.
func targets(r *report) []target {
	var all []target
	for _, call := range []string{firstName, celFirst, repeatName, celRepeat} {
		all = append(all, target{"through the client: " + call + " / " + echoName, 1.5, r.Client.Of(call) / r.Client.Of(echoName)})
	}
	for _, l := range []struct {
		peer  string
		limit float64
	}{{shellName, 0.25}, {sedName, 0.25}, {goName, 0.25}, {pythonName, 0.04}} {
		for _, call := range []string{firstName, celFirst} {
			all = append(all, target{"through the client: " + call + " / " + l.peer, l.limit, r.Client.Of(call) / r.Client.Of(l.peer)})
		}
	}
	for _, call := range []string{firstName, celFirst, repeatName, celRepeat} {
		all = append(all, target{"open connection: " + call + " / " + echoName, 4, r.Server.Of(call) / r.Server.Of(echoName)})
	}
	for _, ours := range []string{ourStart, ourCELStart} {
		all = append(all,
			target{"start to Info, ms: " + ours, 20, r.Start.Of(ours)},
			target{"start to Info: " + ours + " / " + stockStart, 1, r.Start.Of(ours) / r.Start.Of(stockStart)})
	}
	all = append(all,
		target{"RSS: " + ourIdle + " / " + stockIdle, 0.85, r.rss(ourIdle) / r.rss(stockIdle)},
		target{"RSS: " + ourCELIdle + " / " + stockIdle, 0.95, r.rss(ourCELIdle) / r.rss(stockIdle)})
	for _, p := range r.Peaks {
		all = append(all, target{"peak, MB: " + p.Name, 64, p.Megabytes})
	}
	i := slices.IndexFunc(r.Sizes, func(s size) bool { return s.Name == ourStart })
	return append(all, target{"binary, MB", 18, r.Sizes[i].Megabytes})
}

func (r *report) rss(name string) float64 {
	i := slices.IndexFunc(r.Memory, func(f footprint) bool { return f.Name == name })
	return r.Memory[i].RSS
}
