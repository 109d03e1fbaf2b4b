// Time and randomness from the runtime's world, where that is not the real one (rehearsals).
(function ($) {
  'use strict';
  const { call } = $;
  const hidden = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  const Real = Date;
  const now = () => call('now');
  class Frozen extends Real {
    constructor(...parts) { if (parts.length === 0) super(now()); else super(...parts); }
    static now() { return now(); }
  }
  const dated = new Proxy(Frozen, { apply: () => new Frozen().toString() });
  hidden(Real.prototype, 'constructor', dated);
  Object.setPrototypeOf(Frozen.prototype, Object.getPrototypeOf(Real.prototype));
  for (const key of Reflect.ownKeys(Real.prototype)) {
    if (key !== 'constructor') Object.defineProperty(Frozen.prototype, key, Object.getOwnPropertyDescriptor(Real.prototype, key));
  }
  hidden(globalThis, 'Date', dated);
  hidden(Math, 'random', () => call('random'));
})
