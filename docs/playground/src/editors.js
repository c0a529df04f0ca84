// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// The editors: what is typed, and what came out.
import {defaultKeymap, history, historyKeymap} from '@codemirror/commands';
import {json} from '@codemirror/lang-json';
import {xml} from '@codemirror/lang-xml';
import {yaml} from '@codemirror/lang-yaml';
import {bracketMatching, indentOnInput, syntaxHighlighting} from '@codemirror/language';
import {lintGutter, lintKeymap, setDiagnostics} from '@codemirror/lint';
import {highlightSelectionMatches, search, searchKeymap} from '@codemirror/search';
import {Annotation, EditorState} from '@codemirror/state';
import {
  drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers,
} from '@codemirror/view';
import {classHighlighter} from '@lezer/highlight';

// A document that the page puts into an editor, which nobody typed.
const given = Annotation.define();

const shared = [
  lineNumbers(),
  highlightSpecialChars(),
  drawSelection(),
  bracketMatching(),
  highlightSelectionMatches(),
  search({top: true}),
  syntaxHighlighting(classHighlighter),
];

// createInput makes an editor in the element; onInput is called when somebody typed. Tab leaves it, as it leaves
// any field: who cannot use a mouse must get out.
export function createInput(id, {label, language, wrap, onInput}) {
  return new EditorView({
    parent: document.getElementById(id),
    state: EditorState.create({
      extensions: [
        shared,
        lintGutter(),
        history(),
        indentOnInput(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, ...lintKeymap]),
        languages[language](),
        wrap ? EditorView.lineWrapping : [],
        EditorView.contentAttributes.of({'aria-label': label}),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !update.transactions.some((t) => t.annotation(given))) onInput();
        }),
      ],
    }),
  });
}

// createOutput makes an editor that only shows.
export function createOutput(id, {label, language, wrap}) {
  return new EditorView({
    parent: document.getElementById(id),
    state: EditorState.create({
      extensions: [
        shared,
        EditorState.readOnly.of(true),
        keymap.of([...defaultKeymap, ...searchKeymap]),
        languages[language](),
        wrap ? EditorView.lineWrapping : [],
        EditorView.contentAttributes.of({'aria-label': label}),
      ],
    }),
  });
}

const languages = {json, xml, yaml: () => yaml()};

export function textOf(view) {
  return view.state.sliceDoc();
}

// setText replaces the document, unless it is the same. It can be undone like something typed.
export function setText(view, text) {
  if (textOf(view) === text) return;
  view.dispatch({changes: {from: 0, to: view.state.doc.length, insert: text}, annotations: given.of(true)});
}

// showProblems marks the problems in the editor's text. One without a line stands at the first one.
export function showProblems(view, problems) {
  view.dispatch(setDiagnostics(view.state, problems.map((problem) => {
    const {from, to} = range(view.state.doc, problem);
    return {from, to, severity: problem.severity, message: problem.message};
  })));
}

// goTo puts the cursor where the problem is.
export function goTo(view, problem) {
  const {from} = range(view.state.doc, problem);
  view.dispatch({selection: {anchor: from}, effects: EditorView.scrollIntoView(from, {y: 'center'})});
  view.focus();
}

// range is the word at the problem's place, or the rest of its line. Columns count characters, and a CodeMirror
// document units of UTF-16.
function range(doc, {line, column}) {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const indent = /^\s*/.exec(at.text)[0].length;
  const start = column > 1 ? [...at.text].slice(0, column - 1).join('').length : indent;
  const word = /^[^\s,\]}>]+/.exec(at.text.slice(start));
  const to = column > 0 && word ? start + word[0].length : at.length;
  return {from: at.from + start, to: at.from + Math.max(to, start)};
}
