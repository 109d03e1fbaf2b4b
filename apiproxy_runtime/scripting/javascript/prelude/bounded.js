// The engine looks at the clock once in 10000 calls and turns of loops. A loop around a built-in that works for
// milliseconds would go on for minutes, so the built-ins whose work grows with their input make idle turns for it.
// Long arrays are sorted with a comparator, which the engine can stop in.
(function ($) {
  'use strict';
  const { text } = $;
  const { apply, defineProperty } = Reflect;
  const long = (x) => typeof x === 'string' || typeof x === 'object' && x !== null ? x.length | 0 : 0;
  const ordered = (a, b) => { const x = text(a), y = text(b); return x < y ? -1 : x > y ? 1 : 0; };
  $.bound = (names) => {
    for (const owner of [Array.prototype, String.prototype, JSON]) {
      for (const name of names.split(',')) {
        const native = owner[name];
        if (typeof native !== 'function') continue;
        const value = { [name](...given) {
          if (name === 'sort' && given[0] === undefined && long(this) > 20000) given = [ordered];
          const result = apply(native, this, given);
          let turns = long(this) + long(given[0]) + long(result) >> 6;
          while (turns-- > 0);
          return result;
        } }[name];
        defineProperty(owner, name, { value, writable: true, configurable: true, enumerable: false });
      }
    }
  };
})
