// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// A unified diff as git shows it, with the numbers of the lines.
import {element} from './element.js';

// More lines than anybody reads would only slow the page.
const maxLines = 2000;

export function renderDiff(text) {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const shown = lines.slice(0, maxLines);
  const place = {before: 0, after: 0};
  const made = element('div', {className: 'diff'}, shown.map((line) => renderLine(line, place)));
  if (lines.length > shown.length) {
    made.append(element('p', {className: 'soft pad'}, `${lines.length - shown.length} more lines are not shown.`));
  }
  return made;
}

function renderLine(line, place) {
  const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)/.exec(line);
  if (hunk) {
    [place.before, place.after] = [Number(hunk[1]), Number(hunk[2])];
    return element('div', {className: 'hunk'}, line);
  }
  const tag = {'+': 'ins', '-': 'del'}[line[0]] ?? 'span';
  const before = tag === 'ins' ? '' : place.before++;
  const after = tag === 'del' ? '' : place.after++;
  return element(tag, {className: 'line'},
    element('span', {className: 'number', 'aria-hidden': 'true'}, String(before)),
    element('span', {className: 'number', 'aria-hidden': 'true'}, String(after)),
    element('span', {className: 'sign', 'aria-hidden': 'true'}, line[0] ?? ' '),
    element('code', null, line.slice(1)));
}
