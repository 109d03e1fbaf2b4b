// Freezes everything that a script could leave something in, for a context that serves many requests.
// Only the global object stays open; it is compared after each run. A prototype's own property would then also forbid
// `object.name = …` further down its chain, so those that scripts shadow become accessors that define the shadow.
(function ($) {
  'use strict';
  const define = Object.defineProperty;
  const describe = Object.getOwnPropertyDescriptor;
  const keys = Reflect.ownKeys;
  const shadowable = (prototype, names) => {
    for (const name of names === null ? keys(prototype) : names) {
      const found = describe(prototype, name);
      if (found === undefined || !('value' in found) || !found.configurable) continue;
      const value = found.value;
      define(prototype, name, {
        get() { return value; },
        set(shadow) {
          if (this === prototype || this === null || typeof this !== 'object' && typeof this !== 'function') return;
          define(this, name, { value: shadow, writable: true, enumerable: true, configurable: true });
        },
        enumerable: false, configurable: false,
      });
    }
  };
  shadowable(Object.prototype, null);
  for (const type of [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]) {
    shadowable(type.prototype, null);
  }
  shadowable(Function.prototype, ['toString', 'constructor', 'name', 'length']);
  for (const type of [Array, String, Number, Boolean, Date, RegExp, Map, Set, Promise]) {
    shadowable(type.prototype, ['toString', 'constructor', 'toJSON', 'valueOf']);
  }

  const seen = new Set();
  const queue = [
    function () {}, function* () {}, async function () {}, async function* () {}, [][Symbol.iterator](),
    ''[Symbol.iterator](), new Map()[Symbol.iterator](), new Set()[Symbol.iterator](), 'a'.matchAll(/a/g),
    [].values().map((x) => x), $.context, ...$.frozen,
  ];
  const visit = (value) => {
    if ((typeof value === 'object' && value !== null || typeof value === 'function') && !seen.has(value)) {
      seen.add(value);
      queue.push(value);
    }
  };
  for (const name of keys(globalThis)) {
    const found = describe(globalThis, name);
    if ('value' in found && found.value !== globalThis) {
      visit(found.value);
      if (found.configurable) define(globalThis, name, { writable: false, configurable: false });
    }
  }
  for (const value of queue.slice()) { seen.add(value); }
  while (queue.length > 0) {
    const value = queue.pop();
    visit(Object.getPrototypeOf(value));
    for (const key of keys(value)) {
      const found = describe(value, key);
      visit(found.value);
      visit(found.get);
      visit(found.set);
    }
  }
  seen.delete(globalThis);
  for (const value of seen) Object.freeze(value);
})
