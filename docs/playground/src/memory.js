// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// What the page remembers: the texts as they are, which a reload brings back, and what somebody typed before
// something else took its place, a sample or a link. And the texts in a link, behind the #, which no server sees.

const current = 'domainpatch-playground';
const earlier = 'domainpatch-playground-earlier';
const maxEarlier = 12;

// A link that somebody made up must not fill the memory.
const maxLinkBytes = 8 << 20;

const fields = ['patches', 'vmi', 'domain', 'cloudInit'];

// clean takes the known fields of a value from outside, or gives null.
function clean(value) {
  if (typeof value !== 'object' || value === null) return null;
  const texts = {all: value.all === true, typed: value.typed === true};
  for (const field of fields) texts[field] = typeof value[field] === 'string' ? value[field] : '';
  return texts;
}

export function isEmpty(texts) {
  return fields.every((field) => texts[field].trim() === '');
}

// save says whether the browser took it.
export function save(texts) {
  return write(current, texts);
}

export function load() {
  return clean(read(current));
}

// keep remembers texts that are about to be replaced, the newest first. Where there is no room the oldest go.
export function keep(texts) {
  const kept = listEarlier().filter((entry) => fields.some((field) => entry.texts[field] !== texts[field]));
  kept.unshift({at: new Date().toISOString(), texts});
  kept.length = Math.min(kept.length, maxEarlier);
  while (kept.length > 0 && !write(earlier, kept)) kept.pop();
  return kept.length > 0;
}

export function listEarlier() {
  const list = read(earlier);
  if (!Array.isArray(list)) return [];
  return list.map((entry) => ({at: String(entry?.at), texts: clean(entry?.texts)})).filter((entry) => entry.texts);
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

// encodeLink gives the part of a link behind the #.
export async function encodeLink(texts) {
  const packed = new Blob([JSON.stringify(texts)]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return '#texts=' + btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

// decodeLink gives the texts, null where the fragment holds none, and throws where they are broken.
export async function decodeLink(fragment) {
  const [, base64] = /^#texts=([\w-]+)$/.exec(fragment) ?? [];
  if (!base64) return null;
  const bytes = Uint8Array.from(atob(base64.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
  const texts = clean(JSON.parse(await inflate(bytes)));
  if (!texts) throw new Error('no texts');
  return texts;
}

async function inflate(bytes) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    text += decoder.decode(chunk.value, {stream: true});
    if (text.length > maxLinkBytes) throw new Error('too long');
  }
  return text + decoder.decode();
}
