// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// The worker that runs the engine: the page stays alive whatever happens here. It gets the compiled module first,
// then requests, each of which it answers with the response's text, or with null where the engine has died.
import 'wasm_exec';

async function start(module) {
  const go = new globalThis.Go();
  const instance = await WebAssembly.instantiate(module, go.importObject);
  go.run(instance); // returns when Go's main waits, and its promise settles when Go ends, which it should not
  postMessage({ready: true});
}

function answer(request) {
  try {
    const text = globalThis.domainpatch(JSON.stringify(request));
    return typeof text === 'string' ? text : null;
  } catch {
    return null;
  }
}

onmessage = ({data}) => {
  if (data.module) {
    start(data.module).catch((error) => postMessage({failed: String(error)}));
  } else {
    postMessage({text: answer(data.request)});
  }
};
