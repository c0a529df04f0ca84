// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// The theme, before the page is painted. The key and its values are VitePress's, which the documentation is built
// with: one choice for both.
const key = 'vitepress-theme-appearance';
const preferred = matchMedia('(prefers-color-scheme: dark)');

function stored() {
  try {
    return localStorage.getItem(key) || 'auto';
  } catch {
    return 'auto'; // no storage: the choice lasts as long as the page
  }
}

let choice = stored();

function isDark() {
  return choice === 'dark' || (choice !== 'light' && preferred.matches);
}

function show() {
  document.documentElement.classList.toggle('dark', isDark());
  document.getElementById('theme')?.setAttribute('aria-pressed', String(isDark()));
}

function toggle() {
  const dark = !isDark();
  choice = dark === preferred.matches ? 'auto' : dark ? 'dark' : 'light';
  try {
    localStorage.setItem(key, choice);
  } catch {
    // see stored
  }
  show();
}

show();
preferred.addEventListener('change', show);
addEventListener('DOMContentLoaded', () => {
  document.getElementById('theme').addEventListener('click', toggle);
  show();
});
