// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

import { defineConfig } from 'vitepress'
import { captions } from './captions.mts'
import { repository, repositoryLinks, slug } from './links.mts'
import { sidebar } from './sidebar.mts'
import { words } from './words.mts'

export default defineConfig({
  title: 'DomainPatch',
  description: 'Patches for the libvirt domains and cloud-init data of KubeVirt VMs, as data instead of hook scripts',
  lang: 'en',
  base: process.env.DOCS_BASE || '/',
  outDir: '../out/docs',
  cacheDir: '../out/vitepress',
  cleanUrls: false, // a folder of files must do, whatever serves it
  srcExclude: ['README.md', 'node_modules/**', 'playground/**'],
  rewrites: { 'adr/README.md': 'adr/index.md' },
  ignoreDeadLinks: [/^\/playground\//], // put in by make docs, which checks it
  head: [
    ['link', { rel: 'icon', href: `${process.env.DOCS_BASE || '/'}logo.svg`, type: 'image/svg+xml' }],
    ['meta', { name: 'theme-color', content: '#0d5c63' }],
  ],
  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark' },
    anchor: { slugify: slug },
    config(md) {
      repositoryLinks(md)
      captions(md)
      words(md)
    },
  },
  themeConfig: {
    logo: '/logo.svg',
    nav: [
      { text: 'Get started', link: '/getting-started' },
      { text: 'Rules', link: '/rules' },
      { text: 'API', link: '/api' },
      { text: 'CLI', link: '/cli' },
      { text: 'Playground', link: '/playground/', target: '_self' },
    ],
    sidebar,
    outline: { level: [2, 3], label: 'On this page' },
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }],
    editLink: { pattern: `${repository}/edit/main/docs/:path`, text: 'Edit this page' },
    footer: { message: 'Apache-2.0', copyright: 'The DomainPatch Authors' },
  },
})
