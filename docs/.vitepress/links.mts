// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

import { statSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MarkdownRenderer } from 'vitepress'

export const repository = 'https://github.com/domainpatch/domainpatch'

const docs = fileURLToPath(new URL('..', import.meta.url))
const root = dirname(docs.replace(/\/$/, ''))

// slug gives a heading the anchor that GitHub gives it, so that one link works in both views.
export function slug(heading: string): string {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-')
}

// repositoryLinks makes links that lead out of docs links to the repository: the pages are
// read there, too, where such links are relative. A link to what is not there ends the build.
export function repositoryLinks(md: MarkdownRenderer) {
  md.core.ruler.push('repository-links', (state) => {
    for (const block of state.tokens) {
      for (const token of block.children ?? []) {
        const href = token.type === 'link_open' && token.attrGet('href')
        if (href && !/^([a-z]+:|#|\/)/.test(href)) token.attrSet('href', target(href, state.env.realPath ?? state.env.path))
      }
    }
  })
}

function target(href: string, page: string): string {
  const [path, anchor] = href.split('#')
  const file = normalize(join(dirname(page), path))
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat) throw new Error(`${relative(root, page)}: no such file: ${href}`)
  const hash = anchor ? `#${anchor}` : ''
  const inside = relative(docs, file)
  const isPage = !inside.startsWith('..') && inside.endsWith('.md') && inside !== 'README.md'
  if (isPage) return path.replace(/(^|\/)README\.md$/, '$1./').replace(/^$/, './') + hash
  if (inside === 'playground' || inside.startsWith('playground/')) return '/playground/'
  if (inside === 'README.md') return '/' + hash
  return `${repository}/${stat.isDirectory() ? 'tree' : 'blob'}/main/${relative(root, file)}${hash}`
}
