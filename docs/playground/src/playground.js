// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// The page: texts go from the editors to the engine, and what it says goes into the result and the report.
import {renderDiff} from './diff.js';
import {createInput, createOutput, goTo, setText, showProblems, textOf} from './editors.js';
import {element} from './element.js';
import {Engine} from './engine.js';
import * as memory from './memory.js';
import * as menu from './menu.js';
import {panes, renderReport, verdict} from './report.js';
import {createTabs} from './tabs.js';

const byId = (id) => document.getElementById(id);

const inputs = {
  patches: createInput('patches', {label: 'Patches, YAML', language: 'yaml', onInput}),
  domain: createInput('domain', {label: 'Domain XML', language: 'xml', onInput}),
  vmi: createInput('vmi', {label: 'VirtualMachine or VirtualMachineInstance, YAML', language: 'yaml', onInput}),
  cloudInit: createInput('cloudInit', {label: 'CloudInitData, JSON', language: 'json', wrap: true, onInput}),
};
const outputs = {
  domain: createOutput('outDomain', {label: 'Patched domain XML', language: 'xml'}),
  cloudInit: createOutput('outCloudInit', {label: 'Patched CloudInitData, JSON', language: 'json', wrap: true}),
};
const vmTabs = createTabs(['domain', 'vmi', 'cloudInit'], measure);
const resultTabs = createTabs(['diff', 'outDomain', 'outCloudInit'], measure);

// measure is for editors that were hidden, and could not see how high their lines are.
function measure() {
  for (const view of [...Object.values(inputs), ...Object.values(outputs)]) view.requestMeasure();
}

const engine = new Engine({onResponse, onRestart, onFailure});
globalThis.domainpatchEngine = (base64) => engine.load(base64);
document.querySelector('script[src="engine.js"]').addEventListener('error', () => onFailure('engine.js is missing beside this page.'));

// typed says that the editors hold something that is not a sample's or a link's.
let typed = false;
let unsaved = null;

function texts() {
  const all = {all: byId('all').checked, typed};
  for (const pane of Object.keys(panes)) all[pane] = textOf(inputs[pane]);
  return all;
}

function onInput() {
  typed = true;
  menu.show(null);
  forgetLink();
  run();
}

function run() {
  unsaved ??= setTimeout(saveNow, 300);
  clearTimeout(lintTimer);
  document.body.dataset.pending = '';
  engine.run(texts());
}

function saveNow() {
  if (unsaved === null) return;
  clearTimeout(unsaved);
  unsaved = null;
  if (!memory.save(texts())) toast('The browser has no room to remember these texts: a reload loses them.');
}

// replace puts other texts into the editors. What somebody typed there can be had again from the menu.
function replace(next, name) {
  if (typed && !memory.isEmpty(texts())) {
    if (!memory.keep(texts())) toast('The browser has no room for what was here; Ctrl+Z in each editor brings it back.');
    menu.refreshEarlier();
  }
  for (const pane of Object.keys(panes)) setText(inputs[pane], next[pane]);
  byId('all').checked = next.all === true;
  typed = next.typed === true;
  menu.show(name);
  vmTabs.choose(next.domain || !next.cloudInit ? 'domain' : 'cloudInit');
  run();
}

function onResponse(response, request) {
  if (engine.isIdle()) delete document.body.dataset.pending;
  if (response.fault) {
    onFault(response.fault);
  } else if (request.lint) {
    onFindings(response.problems, request);
  } else {
    shown = response;
    showProblemsOf(response, request);
    showResult(response);
    lintLater(request);
  }
}

// The last response to a run.
let shown = null;

function showProblemsOf(response, request) {
  for (const pane of Object.keys(panes)) {
    const problems = response.problems.filter((problem) => problem.pane === pane);
    if (textOf(inputs[pane]) === request[pane]) showProblems(inputs[pane], problems);
  }
  showCounts(response.problems);
  showVerdict(verdict(response));
  byId('report').replaceChildren(...renderReport(response, showProblem));
}

let lintTimer;

// lintLater asks for the linter's findings when nobody types: the diff must not wait for them.
function lintLater(request) {
  clearTimeout(lintTimer);
  if (shown.problems.some((problem) => problem.severity === 'error')) return;
  lintTimer = setTimeout(() => {
    if (engine.isIdle()) engine.run({...request, lint: true});
  }, 250);
}

function onFindings(findings, request) {
  if (!engine.isIdle() || findings.length === 0) return; // there is a newer text, or nothing to add
  showProblemsOf({...shown, problems: [...shown.problems, ...findings]}, request);
}

function onFault(fault) {
  showVerdict({state: 'error', text: 'The engine failed'});
  byId('report').replaceChildren(element('pre', {className: 'fault'}, fault));
}

function onRestart(reason) {
  delete document.body.dataset.pending;
  showVerdict({state: 'error', text: `The engine ${reason}`});
  byId('report').replaceChildren(element('p', {className: 'pad'},
    `The engine ${reason} and was started again. Your texts are as they were; it runs at the next change.`));
}

function onFailure(reason) {
  showVerdict({state: 'error', text: 'The engine cannot run'});
  byId('report').replaceChildren(element('p', {className: 'pad'}, reason));
}

function showVerdict({state, text}) {
  for (const place of document.querySelectorAll('.verdict')) place.dataset.state = state;
  byId('verdict').textContent = text;
}

function showCounts(problems) {
  const inVM = (problem) => problem.pane !== 'patches';
  for (const mark of document.querySelectorAll('[data-count]')) {
    const mine = problems.filter((problem) => (mark.dataset.count === 'vm' ? inVM(problem) : problem.pane === mark.dataset.count));
    const errors = mine.some((problem) => problem.severity === 'error');
    mark.textContent = mine.length || '';
    mark.dataset.severity = errors ? 'error' : 'warning';
    mark.title = mine.length ? `${mine.length} ${errors ? 'errors' : 'warnings'}` : '';
  }
}

// showResult leaves the last result where there is no new one, and shows that it is old.
function showResult({domain, cloudInit, problems}) {
  const failed = problems.some((problem) => problem.severity === 'error');
  document.querySelector('[data-pane=result]').classList.toggle('stale', failed);
  if (failed) return;
  setText(outputs.domain, domain?.output ?? '');
  setText(outputs.cloudInit, cloudInit?.output ?? '');
  resultTabs.allow('outDomain', Boolean(domain));
  resultTabs.allow('outCloudInit', Boolean(cloudInit));
  byId('diff').replaceChildren(...diffOf('Domain XML', domain), ...diffOf('Cloud-init', cloudInit));
  if (!domain && !cloudInit) {
    byId('diff').append(element('p', {className: 'empty'}, 'Give a patch, and a domain or cloud-init data: what changes is shown here.'));
  }
}

function diffOf(title, result) {
  if (!result) return [];
  const diff = result.diff ? renderDiff(result.diff) : element('p', {className: 'soft pad'}, 'No change.');
  return [element('h3', {className: 'file'}, title), diff];
}

function showProblem(problem) {
  document.body.dataset.view = problem.pane === 'patches' ? 'patch' : 'vm';
  showView();
  if (problem.pane !== 'patches') vmTabs.choose(problem.pane);
  goTo(inputs[problem.pane], problem);
}

function showView() {
  measure();
  for (const button of document.querySelectorAll('[data-show]')) {
    button.setAttribute('aria-pressed', String(button.dataset.show === document.body.dataset.view));
  }
}

let toastTimer;

function toast(text) {
  byId('toast').textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { byId('toast').textContent = ''; }, 6000);
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    toast('The browser does not allow copying here.');
  }
}

async function share() {
  const link = await memory.encodeLink({...texts(), typed: false});
  ownLink = link;
  history.replaceState(null, '', link);
  await copy(location.href, 'The link is in the clipboard and in the address bar. It holds all texts; no server sees them.');
}

// What is behind the # is true of the texts until somebody types.
let ownLink = '';

function forgetLink() {
  if (location.hash) history.replaceState(null, '', location.pathname + location.search);
}

// openLink puts into the editors what the address names, texts or a sample, and says whether it names any.
async function openLink() {
  const {hash} = location;
  const sample = menu.find(/^#sample=([\w.\/-]+)$/.exec(hash)?.[1]);
  if (sample) {
    replace(sample, sample.name);
    return true;
  }
  try {
    const linked = hash === ownLink ? null : await memory.decodeLink(hash);
    if (linked) replace(linked, null);
    return Boolean(linked);
  } catch {
    toast('The link is broken: the texts in it cannot be read.');
    return false;
  }
}

async function open() {
  const before = memory.load();
  if (before) replace(before, null);
  if (!(await openLink()) && !before) replace(menu.find(menu.first), menu.first);
}

menu.fillMenu((chosen, name) => {
  forgetLink();
  replace(chosen, name);
});
for (const button of document.querySelectorAll('[data-show]')) {
  button.addEventListener('click', () => {
    document.body.dataset.view = button.dataset.show;
    showView();
  });
}
byId('all').addEventListener('change', () => run());
byId('share').addEventListener('click', share);
byId('copy').addEventListener('click', () => {
  const shown = resultTabs.chosen();
  const text = {outDomain: () => textOf(outputs.domain), outCloudInit: () => textOf(outputs.cloudInit)}[shown];
  copy(text ? text() : [...document.querySelectorAll('#diff .hunk, #diff .line')].map(lineText).join('\n') + '\n', 'Copied.');
});
addEventListener('hashchange', openLink);
addEventListener('pagehide', saveNow);
document.addEventListener('visibilitychange', saveNow);
showView();
open();

function lineText(line) {
  return line.className === 'hunk' ? line.textContent : line.querySelector('.sign').textContent + line.querySelector('code').textContent;
}
