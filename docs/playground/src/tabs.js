// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Tabs as ARIA's authoring practices have them: one is in the order of the Tab key, arrows go to the others.
// onChoose is called behind each choice.
export function createTabs(names, onChoose) {
  const tabs = names.map((name) => document.getElementById(`tab-${name}`));
  const choose = (name) => {
    for (const tab of tabs) {
      const chosen = tab.id === `tab-${name}`;
      tab.setAttribute('aria-selected', String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      document.getElementById(tab.getAttribute('aria-controls')).hidden = !chosen;
    }
    onChoose();
  };
  const step = (from, by) => {
    const open = tabs.filter((tab) => !tab.hidden);
    const next = open[(open.indexOf(from) + by + open.length) % open.length];
    choose(next.id.slice('tab-'.length));
    next.focus();
  };
  for (const tab of tabs) {
    tab.addEventListener('click', () => choose(tab.id.slice('tab-'.length)));
    tab.addEventListener('keydown', (event) => {
      const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (by) step(tab, by);
    });
  }
  choose(names[0]);
  return {
    choose,
    chosen: () => names.find((name) => document.getElementById(`tab-${name}`).getAttribute('aria-selected') === 'true'),
    // allow hides a tab that there is nothing to show in.
    allow: (name, allowed) => {
      const tab = document.getElementById(`tab-${name}`);
      tab.hidden = !allowed;
      if (!allowed && tab.getAttribute('aria-selected') === 'true') choose(names[0]);
    },
  };
}
