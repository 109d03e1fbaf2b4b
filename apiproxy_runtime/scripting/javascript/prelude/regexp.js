// What the last match was, in RegExp itself: `RegExp.$1` to `$9`, `lastMatch`, `leftContext` and so on, as in Rhino.
// Every method that matches goes through `exec`.
(function ($) {
  'use strict';
  const { apply } = Reflect;
  const matching = $.matching = RegExp.prototype.exec;
  let found = null;
  const own = {
    exec(text) {
      const result = apply(matching, this, [text]);
      if (result !== null) found = result;
      return result;
    },
  };
  Object.defineProperty(RegExp.prototype, 'exec', { value: own.exec, writable: true, configurable: true, enumerable: false });
  const show = (names, read) => {
    const get = () => (found === null ? '' : read(found) ?? '');
    for (const name of names) Object.defineProperty(RegExp, name, { get, set() {}, configurable: true, enumerable: false });
  };
  for (let group = 1; group <= 9; group += 1) show(['$' + group], (match) => match[group]);
  show(['lastMatch', '$&'], (match) => match[0]);
  show(['lastParen', '$+'], (match) => (match.length > 1 ? match[match.length - 1] : ''));
  show(['leftContext', '$`'], (match) => match.input.slice(0, match.index));
  show(['rightContext', "$'"], (match) => match.input.slice(match.index + match[0].length));
  show(['input', '$_'], (match) => match.input);
})
