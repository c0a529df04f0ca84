// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

import type { MarkdownRenderer } from 'vitepress'

// captions puts the second word of a code block's tag above it: "xml before" is captioned
// "before". Blocks of these words are examples that the tests run.
export function captions(md: MarkdownRenderer) {
  const fence = md.renderer.rules.fence!
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const [, word] = tokens[index].info.trim().split(/\s+/)
    const html = fence(tokens, index, ...rest)
    if (!/^[a-z]+$/.test(word ?? '')) return html
    return `<div class="captioned ${word}"><p class="caption">${word}</p>${html}</div>\n`
  }
}
