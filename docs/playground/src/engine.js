// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// The engine as the page sees it: requests go in, responses come out, one at a time, and of the requests that come
// while one runs only the newest is kept. So there is no delay to tune: an idle engine runs at every keystroke, and
// a busy one never falls behind.
import workerScript from 'playground:worker';

// A call has limits of its own, 5 seconds at most; what is not back after this time, in milliseconds, never will be.
// The first call of a worker compiles what it runs, which takes long on a busy machine.
const patience = 10_000;
const firstPatience = 30_000;

export class Engine {
  // handlers: onResponse(response, request), onRestart(reason), onFailure(reason). A restart drops the request that
  // it is about: it would only end in the same way.
  constructor(handlers) {
    this.handlers = handlers;
    this.module = null;
    this.worker = null;
    this.ready = false;
    this.answered = false;
    this.running = null;
    this.waiting = null;
  }

  // load compiles the engine, gzipped WebAssembly as base64, while a worker comes up that will run it.
  async load(base64) {
    try {
      this.start();
      const packed = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream('gzip'));
      const wasm = new Response(packed, {headers: {'Content-Type': 'application/wasm'}});
      this.module = await WebAssembly.compileStreaming(wasm);
      this.worker.postMessage({module: this.module});
    } catch (error) {
      this.handlers.onFailure(`This browser cannot run the engine: ${error.message}`);
    }
  }

  run(request) {
    this.waiting = request;
    this.next();
  }

  next() {
    if (!this.ready || this.running || !this.waiting) return;
    this.running = this.waiting;
    this.waiting = null;
    this.worker.postMessage({request: this.running});
    const limit = this.answered ? patience : firstPatience;
    this.watchdog = setTimeout(() => this.restart(`did not answer within ${limit / 1000} seconds`), limit);
  }

  start() {
    const url = URL.createObjectURL(new Blob([workerScript], {type: 'text/javascript'}));
    this.worker = new Worker(url);
    this.worker.onmessage = ({data}) => this.receive(data, url);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.fail(event.message);
    };
    if (this.module) this.worker.postMessage({module: this.module});
  }

  receive(data, url) {
    if (data.ready) {
      URL.revokeObjectURL(url);
      this.ready = true;
      this.next();
    } else if (data.failed) {
      this.fail(data.failed);
    } else if (data.text === null) {
      this.restart('stopped');
    } else {
      this.respond(JSON.parse(data.text));
    }
  }

  respond(response) {
    clearTimeout(this.watchdog);
    const request = this.running;
    this.running = null;
    this.answered = true;
    this.next();
    this.handlers.onResponse(response, request);
  }

  isIdle() {
    return this.running === null && this.waiting === null;
  }

  // fail is for a worker that broke: in a request another one may do better, before any none will.
  fail(reason) {
    if (this.ready) {
      this.restart(`stopped (${reason})`);
    } else {
      this.handlers.onFailure(`The engine does not start: ${reason}`);
    }
  }

  restart(reason) {
    clearTimeout(this.watchdog);
    this.worker.terminate();
    this.ready = false;
    this.answered = false;
    this.running = null;
    this.start();
    this.handlers.onRestart(reason);
  }
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64); // ten times as fast, where it is known
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}
