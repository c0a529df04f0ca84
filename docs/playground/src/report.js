// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// What there is to say beside the diff: what is wrong, what was left out, and what every rule did.
import {element} from './element.js';
import {renderDiff} from './diff.js';

export const panes = {patches: 'Patches', vmi: 'VM or VMI', domain: 'Domain XML', cloudInit: 'Cloud-init'};

// verdict says in one line how it went, with a state for its colour.
export function verdict(response) {
  const errors = response.problems.filter((problem) => problem.severity === 'error').length;
  const warnings = response.problems.length - errors;
  const also = warnings > 0 ? `, ${count(warnings, 'warning')}` : '';
  if (errors > 0) return {state: 'error', text: `${count(errors, 'error')}${also}`};
  const results = [response.domain, response.cloudInit].filter(Boolean);
  if (results.length === 0) return {state: 'idle', text: 'Nothing to apply yet'};
  const changed = results.some((result) => result.diff !== '');
  return {state: warnings > 0 ? 'warning' : 'good', text: (changed ? 'Applied' : 'Applied, and nothing changes') + also};
}

// renderReport makes the report; onGo is called with a problem that somebody wants to see in its text.
export function renderReport(response, onGo) {
  return [
    list('problems', response.problems.map((problem) => renderProblem(problem, onGo))),
    list('notes', response.notes.map((note) => element('li', null, note))),
    renderHook('onDefineDomain', response.domain),
    renderRepeat(response.repeat),
    renderHook('preCloudInitIso', response.cloudInit),
    element('p', {className: 'soft pad'}, `The engine took ${response.milliseconds.toFixed(1)} ms.`),
  ].filter(Boolean);
}

function count(n, noun) {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function list(className, items) {
  return items.length > 0 ? element('ul', {className}, items) : null;
}

function renderProblem(problem, onGo) {
  const place = panes[problem.pane] + (problem.line > 0 ? `, line ${problem.line}` : '');
  return element('li', {className: problem.severity},
    element('button', {type: 'button', className: 'place', onclick: () => onGo(problem)}, place),
    element('span', {className: 'message'}, problem.message),
    problem.fix ? element('span', {className: 'soft'}, problem.fix, ' ', codeOf(problem)) : '');
}

function codeOf({code, url}) {
  return element('a', {href: url, target: '_blank', rel: 'noopener'}, code);
}

function renderHook(name, result) {
  if (!result?.report?.patches?.length) return null;
  return element('section', {className: 'hook'}, element('h3', null, name), result.report.patches.map(renderPatch));
}

function renderPatch(patch) {
  return element('div', {className: 'patch'},
    element('p', {className: 'of'}, badge(patch.outcome), element('strong', null, patch.patch), reason(patch.reason)),
    element('div', {className: 'wide'}, patch.rules?.length ? renderRules(patch.rules) : ''));
}

function renderRules(rules) {
  const titles = ['Rule', 'Op', 'Outcome', 'Matched', 'Changed'];
  return element('table', null,
    element('thead', null, element('tr', null, titles.map((title) => element('th', {scope: 'col'}, title)))),
    element('tbody', null, rules.map(renderRule)));
}

function renderRule(rule) {
  return element('tr', null,
    element('td', null, element('code', null, rule.field.replace(/^spec\./, '')), rule.name ? ` ${rule.name}` : ''),
    element('td', null, element('code', null, rule.op)),
    element('td', null, badge(rule.outcome), reason(rule.reason), (rule.overrides ?? []).map(renderOverride)),
    element('td', {className: 'figure'}, String(rule.matched)),
    element('td', {className: 'figure'}, String(rule.changed)));
}

function renderOverride(override) {
  const more = override.nodes > 1 ? ` and ${override.nodes - 1} more` : '';
  return element('p', {className: 'soft'}, `overrides ${override.patch} at ${override.place}${more}`);
}

// renderRepeat tells of the second call: KubeVirt makes one in most starts, and it must change nothing.
function renderRepeat(repeat) {
  if (!repeat) return null;
  const same = !repeat.failed && repeat.diff === '';
  const text = same ? 'KubeVirt calls the hook again in the course of one start. The second call changes nothing, as it must.'
    : 'KubeVirt calls the hook again in the course of one start, and the second call does not give the same domain:';
  return element('details', {className: 'repeat', open: !same},
    element('summary', null, badge(same ? 'Repeatable' : 'Failed'), text),
    same ? '' : renderDiff(repeat.diff),
    (repeat.report?.patches ?? []).map(renderPatch));
}

function badge(outcome) {
  return element('span', {className: `badge ${outcome.toLowerCase()}`}, outcome);
}

function reason(text) {
  return text ? element('span', {className: 'reason'}, ` ${text}`) : '';
}
