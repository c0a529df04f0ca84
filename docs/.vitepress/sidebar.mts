// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

import { readdirSync, readFileSync } from 'node:fs'
import type { DefaultTheme } from 'vitepress'

const decisions = new URL('../adr/', import.meta.url)

// sidebar lists every page; a test holds it to that.
export const sidebar: DefaultTheme.SidebarItem[] = [
  {
    text: 'Start here',
    items: [
      { text: 'Getting started', link: '/getting-started' },
      { text: 'Migrating from hook scripts', link: '/migrating' },
      { text: 'Beside what people use today', link: '/comparison' },
      { text: 'Cookbook', link: '/cookbook' },
      { text: 'Playground', link: '/playground/', target: '_self' },
    ],
  },
  {
    text: 'Writing patches',
    items: [
      { text: 'The rules', link: '/rules' },
      { text: 'The API', link: '/api' },
      { text: 'Testing patches', link: '/testing' },
      { text: 'Debugging a VM', link: '/debugging' },
      { text: 'Linting patches', link: '/lint' },
      { text: 'Generating patches', link: '/generate' },
      { text: 'Command line', link: '/cli' },
    ],
  },
  {
    text: 'Running it',
    items: [
      { text: 'Operations', link: '/operations' },
      { text: 'Packages', link: '/packages' },
      { text: 'Security', link: '/security' },
      { text: 'Git: Argo CD and Flux', link: '/gitops' },
      { text: 'KubeVirt versions', link: '/kubevirt' },
      { text: 'The shim', link: '/shim' },
      { text: 'Performance', link: '/performance' },
      { text: 'How the samples are proven', link: '/proof' },
    ],
  },
  {
    text: 'Decisions',
    collapsed: true,
    items: [{ text: 'All decisions', link: '/adr/' }, ...readdirSync(decisions).filter((file) => /^\d/.test(file)).sort().map(decision)],
  },
]

function decision(file: string): DefaultTheme.SidebarItem {
  const title = readFileSync(new URL(file, decisions), 'utf8').match(/^# (?:ADR )?(?:\d+[.:]? )?(.*)$/m)?.[1] ?? file
  return { text: `${file.slice(0, 4)} ${title.replaceAll('`', '')}`, link: `/adr/${file.replace(/\.md$/, '')}` }
}
