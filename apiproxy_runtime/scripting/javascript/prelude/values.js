// Values that are neither text, number, boolean nor null, on their way to flow variables and back.
(function ($) {
  'use strict';
  const { text, safe, call } = $;
  const { parse, stringify } = JSON;
  const define = Object.defineProperty;

  // A Java collection, as a script sees it: indexes, size(), get(), iteration, and `[a, b]` as text.
  const Collection = {
    __proto__: Array.prototype,
    size() { return this.length; },
    get(index) { const value = this[index]; return value === undefined ? null : value; },
    isEmpty() { return this.length === 0; },
    contains(value) { return this.includes(value); },
    toArray() { return Array.from(this); },
    iterator() {
      let next = 0;
      return { hasNext: () => next < this.length, next: () => this[next++] };
    },
    toString() { return '[' + Array.from(this).join(', ') + ']'; },
  };
  for (const name of Reflect.ownKeys(Collection)) define(Collection, name, { enumerable: false });
  $.frozen.push(Collection);

  $.unmark = (value) => {
    const rest = value.slice(2);
    switch (value[1]) {
      case 'S': return rest;
      case 'L': return Object.setPrototypeOf(parse(rest), Collection);
      case 'J': return parse(rest);
      case 'O': return $.kept[rest];
      case 'M': $.need('message'); return $.message(rest);
      case 'X': for (;;);
      default: throw new Error(rest);
    }
  };
  // Whether a copy made from JSON would lack something: functions, or what a prototype gives.
  const lives = (value, depth) => {
    if (typeof value === 'function') return true;
    if (typeof value !== 'object' || value === null || depth === 0) return false;
    if (Array.isArray(value)) return false;
    const prototype = Object.getPrototypeOf(value);
    return prototype !== null && prototype !== Object.prototype
      || Object.values(value).some((member) => lives(member, depth - 1));
  };
  $.setObject = (name, value) => {
    const handle = $.handleOf === undefined ? undefined : $.handleOf(value);
    if (handle !== undefined) { call('setMessage', safe(name), handle); return; }
    if (value instanceof String || value instanceof Number || value instanceof Boolean) {
      $.context.setVariable(name, value.valueOf());
      return;
    }
    if (Object.getPrototypeOf(value) === Collection) { call('setCollection', safe(name), stringify(value)); return; }
    let json;
    const xml = $.isXML !== undefined && $.isXML(value);
    try { json = xml ? undefined : stringify(value); } catch (e) { json = undefined; }
    const living = !xml && (json === undefined || lives(value, 3));
    call('setObject', safe(name), json === undefined ? null : safe(json), safe(value), $.kept.push(value) - 1, living);
  };
})
