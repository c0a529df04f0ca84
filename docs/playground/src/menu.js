// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// The menu of the samples and of what was typed before.
import samples from 'playground:samples';
import {element} from './element.js';
import {listEarlier} from './memory.js';

const menu = document.getElementById('samples');

export const first = samples[0].name;

// fillMenu calls onChoose with the name of a sample or the texts of before.
export function fillMenu(onChoose) {
  for (const area of new Set(samples.map((sample) => sample.area))) {
    menu.append(element('optgroup', {label: area}, samples.filter((sample) => sample.area === area)
      .map((sample) => element('option', {value: sample.name}, `${sample.name}: ${sample.about}`))));
  }
  menu.addEventListener('change', () => {
    const chosen = menu.selectedOptions[0];
    if (chosen.texts) onChoose(chosen.texts, null);
    else if (chosen.value) onChoose(find(chosen.value), chosen.value);
  });
  refreshEarlier();
}

export function refreshEarlier() {
  document.getElementById('earlier')?.remove();
  const entries = listEarlier();
  if (entries.length === 0) return;
  menu.append(element('optgroup', {id: 'earlier', label: 'Your earlier texts'}, entries.map(({at, texts}, i) => {
    const name = /^\s*name:\s*([\w.-]+)|metadata:\s*{\s*name:\s*([\w.-]+)/m.exec(texts.patches);
    const when = new Date(at).toLocaleString();
    const option = element('option', {value: `earlier ${i}`}, `${name?.[1] ?? name?.[2] ?? 'no name'}, ${when}`);
    option.texts = texts;
    return option;
  })));
}

// show names what the editors hold: a sample, or what is not one (any more).
export function show(name) {
  menu.value = name ?? '';
}

export function find(name) {
  return samples.find((sample) => sample.name === name);
}
