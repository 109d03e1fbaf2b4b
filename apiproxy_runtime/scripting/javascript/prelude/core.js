// The least that every script needs: context, print, properties, and how a script is started.
// It is read anew for each context, so it is kept short; what not every script needs is in the other parts, which are
// joined to the record $ when the scripts name them or, through $.need, when something turns out to need them.
// Parts are put on one line each, so that every line from the second on belongs to the bundle's scripts.
(function () {
  'use strict';
  const g = globalThis, text = String, parse = JSON.parse;
  const take = (name) => { const f = g[name]; delete g[name]; return f; };
  const get = take('$get'), set = take('$set'), remove = take('$remove'), output = take('$print');
  const host = take('$call'), hostWait = take('$wait');
  // Text that the engine cannot hand over as it is (NUL, lone surrogates, the mark itself) goes as JSON behind a mark.
  const safe = (value) => {
    const s = text(value);
    return s.isWellFormed() && s.indexOf('\0') < 0 && s.charCodeAt(0) !== 1 ? s : '\x01J' + JSON.stringify(s);
  };
  const received = (v) => typeof v === 'string' && v.charCodeAt(0) === 1 ? (need('values'), $.unmark(v)) : v;
  const need = (part) => { if (host('load', part)) throw new Error(part); };
  const message = (name) => (need('message'), $.message(name));
  const existing = (name) => (need('message'), $.existing(name));
  const context = {
    getVariable(name) {
      if ($.live) $.flush();
      return received(get(text(name)));
    },
    setVariable(name, value) {
      if ($.live) $.flush();
      const type = typeof value;
      if (type === 'object' && value || type === 'function') { need('values'); $.setObject(text(name), value); } else {
        received(set(text(name), type === 'string' ? safe(value)
          : type === 'number' || type === 'boolean' ? value : type === 'bigint' ? text(value) : null));
      }
    },
    removeVariable(name) { return received(remove(text(name))); },
    get flow() { return host('flow'); },
    get session() { return $.session; },
    get proxyRequest() { return message('proxyRequest'); },
    get targetRequest() { return existing('targetRequest'); },
    get targetResponse() { return existing('targetResponse'); },
    get proxyResponse() { return existing('proxyResponse'); },
  };
  const print = (...values) => { received(output(safe(values.map(text).join(' ')))); };
  const $ = {
    context, text, safe, received, need, live: null, seen: null, kept: [], frozen: [print],
    call: (...all) => received(host(...all)),
    wait: (...all) => received(hostWait(...all)),
    globals: { context: () => Object.create(context), print: () => print, properties: () => ({ ...$.properties }) },
    run() {
      delete g.__arm;
      $.live = $.seen = null;
      if (!$.session) $.kept = [];
      if ($.reset) $.reset();
      try { $.main(); } finally { if ($.live) $.flush(); }
    },
    expose(names) { for (const name of names) g[name] = $.globals[name](); },
  };
  // The last method that a number, text or boolean was asked for in vain; Rhino's message names the value.
  for (const type of [Number, String, Boolean]) {
    Object.setPrototypeOf(type.prototype, new Proxy({}, {
      get(to, name, of) { $.missing = [name, of]; return Reflect.get(to, name, of); },
    }));
  }
  Error.prepareStackTrace = (error, sites) => {
    try { need('errors'); return $.stack(error, sites); } catch (e) { return ''; }
  };
  return (action, value, more) => {
    if (action === 'part') value($);
    else if (action === 'record') $[value] = parse(more);
    else if (action === 'get') return $[value];
    else return $[action](value, more);
  };
})()
