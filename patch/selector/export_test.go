// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

// Spell writes a path without | in its one spelling.
func Spell(p *Path) string { return (&location{absolute: true, steps: p.steps}).spell() }
