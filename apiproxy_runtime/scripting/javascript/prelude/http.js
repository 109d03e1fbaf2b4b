// httpClient and Request. A call starts at once; waiting for it suspends the script, not the runtime.
(function ($) {
  'use strict';
  const { call, wait, text, safe, given } = $;
  const { stringify } = JSON;

  class Request {
    constructor(url, method, headers, body) {
      if (url !== undefined) this.url = url;
      this.method = method === undefined || method === null ? 'GET' : method;
      this.headers = headers === undefined || headers === null ? {} : headers;
      if (body !== undefined) this.body = body;
    }
  }

  class Exchange {
    #id;
    constructor(id) { this.#id = id; }
    waitForComplete(milliseconds) { wait(this.#id, milliseconds === undefined ? -1 : Number(milliseconds)); }
    isComplete() { return call('exchange', this.#id) !== 'pending'; }
    isSuccess() { return call('exchange', this.#id) === 'response'; }
    isError() { return call('exchange', this.#id) === 'error'; }
    getResponse() { return responseOf(this.#id); }
    getError() { return errorOf(this.#id); }
  }
  const responseOf = (id) => call('exchange', id) === 'response' ? $.message('exchange ' + id) : undefined;
  const errorOf = (id) => call('exchange', id) === 'error' ? call('exchangeError', id) : undefined;

  let callbacks = new Map();
  $.reset = () => { callbacks = new Map(); };
  const start = (request, callback) => {
    const headers = [];
    for (const name in request.headers) for (const value of given(request.headers[name])) headers.push([name, value]);
    let body = request.body;
    if (body === undefined) body = request.content;
    const id = call('send', safe(stringify({
      url: text(request.url),
      method: request.method === undefined || request.method === null ? 'GET' : text(request.method),
      headers,
      body: body === undefined || body === null ? '' : text(body),
    })), typeof callback === 'function');
    if (typeof callback === 'function') callbacks.set(id, callback);
    return new Exchange(id);
  };
  const httpClient = {
    get(target, callback) {
      if (typeof target !== 'object' || target === null) return start(new Request(target), callback);
      return start({ url: target.url, method: 'GET', headers: target.headers }, callback);
    },
    send(request, callback) { return start(request, callback); },
  };
  // A call with a callback has ended.
  $.completed = (id) => {
    delete globalThis.__arm;
    const callback = callbacks.get(id);
    callbacks.delete(id);
    callback(responseOf(id), errorOf(id));
    if ($.live) $.flush();
  };

  $.frozen.push(Request, Exchange, httpClient);
  $.globals.httpClient = () => Object.create(httpClient);
  $.globals.Request = () => Request;
})
