// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

import type { MarkdownRenderer } from 'vitepress'

// words marks inline code that is one word: a table keeps it on one line, or breaks it where it is long.
export function words(md: MarkdownRenderer) {
  md.core.ruler.push('words', (state) => {
    for (const block of state.tokens) {
      for (const token of block.children ?? []) {
        if (token.type !== 'code_inline' || /\s/.test(token.content)) continue
        token.attrJoin('class', token.content.length <= 32 ? 'word' : 'long')
      }
    }
  })
}
