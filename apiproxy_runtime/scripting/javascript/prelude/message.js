// Message objects: request, response, message, context.proxyRequest, …, and the responses of httpClient.
(function ($) {
  'use strict';
  const { call, text, safe } = $;
  const { parse, stringify } = JSON;
  const define = Object.defineProperty;
  const hidden = (object, name, value) =>
    define(object, name, { value, writable: true, configurable: true, enumerable: false });
  const { map } = Array.prototype;

  // The values of a header or parameter: indexes and length() as of a list, the first value as text.
  const Values = {
    __proto__: String.prototype,
    toString() { return text(this[0]); },
    valueOf() { return text(this[0]); },
    toJSON() { const all = Array.from(this[Symbol.iterator]()); return all.length === 1 ? all[0] : all; },
    size() { return this.length(); },
    get(index) { const value = this[index]; return value === undefined ? null : value; },
    join(separator) { return Array.from(this[Symbol.iterator]()).join(separator); },
    * [Symbol.iterator]() { for (let i = 0; i < this.length(); i++) yield this[i]; },
  };
  for (const name of Reflect.ownKeys(Values)) define(Values, name, { enumerable: false });
  const lists = new WeakSet();
  const valuesOf = (values, write) => {
    const target = { __proto__: Values };
    const length = () => values.length;
    length.valueOf = length;
    length.toString = () => text(values.length);
    hidden(target, 'length', length);
    values.forEach((value, i) => { target[i] = value; });
    const list = write === null ? target : new Proxy(target, {
      set(to, name, value) {
        to[name] = value;
        if (/^\d+$/.test(name)) { values[name] = text(value); write(values); }
        return true;
      },
    });
    lists.add(list);
    return list;
  };
  $.valuesOf = valuesOf;
  $.isValues = (value) => lists.has(value);

  const given = (value) => {
    if (Array.isArray(value)) return Reflect.apply(map, value, [(item) => text(item)]);
    if (lists.has(value)) { const all = []; for (let i = 0; i < value.length(); i++) all.push(text(value[i])); return all; }
    return [text(value)];
  };
  $.given = given;

  const parameters = (handle, kind) => {
    const write = (name, values) => { call('setValues', handle, kind, safe(name), stringify(values)); };
    const read = (name) => {
      const found = call('values', handle, kind, safe(name));
      return found === null ? undefined : valuesOf(parse(found), (values) => write(name, values));
    };
    const names = () => parse(call('names', handle, kind));
    return new Proxy({}, {
      get(target, name) {
        if (typeof name === 'symbol') return target[name];
        const found = read(name);
        return found === undefined ? target[name] : found;
      },
      set(target, name, value) {
        write(text(name), value === null || value === undefined ? [] : given(value));
        return true;
      },
      deleteProperty(target, name) { write(text(name), []); return true; },
      has(target, name) { return typeof name !== 'symbol' && read(name) !== undefined; },
      ownKeys() { return names(); },
      getOwnPropertyDescriptor(target, name) {
        const value = typeof name === 'symbol' ? undefined : read(name);
        return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true };
      },
    });
  };
  const replace = (handle, kind, values) => {
    call('clear', handle, kind);
    for (const name in values) call('setValues', handle, kind, safe(name), stringify(given(values[name])));
  };

  class Status {
    #handle;
    constructor(handle) { this.#handle = handle; }
    get code() { return call('status', this.#handle); }
    set code(value) { call('setStatus', this.#handle, safe(value)); }
    get message() { return call('reason', this.#handle); }
    set message(value) { call('setReason', this.#handle, safe(value)); }
    toString() { return text(this.code); }
    valueOf() { return this.code; }
    toJSON() { return this.code; }
  }

  const handles = new WeakMap();
  class Message {
    constructor(handle) { handles.set(this, handle); }
    get headers() { return parameters(handles.get(this), 'header'); }
    set headers(values) { replace(handles.get(this), 'header', values); }
    get queryParams() { return parameters(handles.get(this), 'query'); }
    set queryParams(values) { replace(handles.get(this), 'query', values); }
    get formParams() { return parameters(handles.get(this), 'form'); }
    set formParams(values) { replace(handles.get(this), 'form', values); }
    get content() {
      if ($.live) $.flush();
      const handle = handles.get(this);
      const body = call('content', handle);
      $.seen = [handle, body];
      return body;
    }
    set content(value) {
      const handle = handles.get(this);
      if ($.live !== null) $.live = $.live.filter((view) => view.handle !== handle);
      call('setContent', handle, value === null || value === undefined ? '' : safe(value));
    }
    get body() { return this.content; }
    set body(value) { this.content = value; }
    get method() { return call('verb', handles.get(this)); }
    set method(value) { call('setVerb', handles.get(this), safe(value)); }
    get verb() { return this.method; }
    set verb(value) { this.method = value; }
    get status() {
      const handle = handles.get(this);
      return call('status', handle) === null ? undefined : new Status(handle);
    }
    set status(value) { call('setStatus', handles.get(this), safe(value)); }
    get url() { return call('url', handles.get(this), 'url'); }
    set url(value) { call('setUrl', handles.get(this), 'url', safe(value)); }
    get protocol() { return call('url', handles.get(this), 'protocol'); }
    set protocol(value) { call('setUrl', handles.get(this), 'protocol', safe(value)); }
    get host() { return call('url', handles.get(this), 'host'); }
    set host(value) { call('setUrl', handles.get(this), 'host', safe(value)); }
    get port() { return call('url', handles.get(this), 'port'); }
    set port(value) { call('setUrl', handles.get(this), 'port', safe(value)); }
    get path() { return call('url', handles.get(this), 'path'); }
    set path(value) { call('setUrl', handles.get(this), 'path', safe(value)); }
    get uri() { return call('url', handles.get(this), 'uri'); }
  }
  $.message = (handle) => new Message(handle);
  $.existing = (handle) => call('exists', handle) ? new Message(handle) : undefined;
  $.handleOf = (value) => handles.get(value);

  // Views of a body (asJSON, asXML) are live: what a script changes in them is written back to the message.
  // A view that was not changed, or whose message got another body meanwhile, is left alone.
  const JSON_VIEW = { make: (body) => body.trim() === '' ? {} : parse(body), print: (value) => stringify(value) };
  $.views = { __proto__: null, json: JSON_VIEW };
  const view = $.view = (kind, body) => {
    const { make, print } = $.views[kind];
    const seen = $.seen;
    if (seen === null || seen[1] !== body) return make(body);
    const handle = seen[0];
    if ($.live === null) $.live = [];
    for (const known of $.live) {
      if (known.handle === handle && known.kind === kind && known.body === body) return known.value;
    }
    const value = make(body);
    $.live.push({ handle, kind, body, value, printed: print(value) });
    return value;
  };
  $.flush = () => {
    for (const known of $.live) {
      const printed = $.views[known.kind].print(known.value);
      if (printed === known.printed || printed === undefined) continue;
      known.printed = printed;
      if (call('content', known.handle) !== known.body) continue;
      call('setContent', known.handle, safe(printed));
      known.body = printed;
    }
  };
  $.finish = () => { if ($.live) $.flush(); };
  const form = (body) => {
    const seen = $.seen;
    if (seen !== null && seen[1] === body) return parameters(seen[0], 'form');
    const all = {};
    for (const [name, values] of parse(call('parseForm', safe(body)))) all[name] = valuesOf(values, null);
    return all;
  };
  define(String.prototype, 'asJSON', { get() { return view('json', text(this)); }, configurable: true });
  define(String.prototype, 'asForm', { get() { return form(text(this)); }, configurable: true });

  $.frozen.push(Values, Message, Status);
  $.globals.request = () => $.message('request');
  $.globals.response = () => $.existing('response');
  $.globals.message = () => $.message('message');
})
