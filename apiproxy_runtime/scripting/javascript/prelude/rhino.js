// Takes away the globals that Rhino does not have, so that scripts do not come to rely on them, and adds what Rhino has
// beyond the standard: `equals` of texts, and methods of Array and String that take their `this` as an argument.
(function () {
  'use strict';
  for (const name of ['queueMicrotask', 'performance', 'atob', 'btoa', 'DOMException', 'SharedArrayBuffer',
    'Atomics', 'WeakRef', 'FinalizationRegistry', 'AggregateError', 'SuppressedError', 'DisposableStack',
    'AsyncDisposableStack', 'Iterator', 'Float16Array', 'InternalError']) delete globalThis[name];
  const text = String;
  const hide = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  const own = {
    equals(other) { return text(this) === text(other); },
    equalsIgnoreCase(other) { return text(this).toLowerCase() === text(other).toLowerCase(); },
  };
  for (const name in own) hide(String.prototype, name, own[name]);
  const generic = (type, names) => {
    for (const name of names) hide(type, name, (value, ...rest) => Reflect.apply(type.prototype[name], value, rest));
  };
  generic(Array, ['join', 'reverse', 'sort', 'push', 'pop', 'shift', 'unshift', 'splice', 'concat', 'slice', 'indexOf',
    'lastIndexOf', 'every', 'filter', 'forEach', 'map', 'some', 'find', 'findIndex', 'reduce', 'reduceRight']);
  generic(String, ['charAt', 'charCodeAt', 'indexOf', 'lastIndexOf', 'split', 'substring', 'toLowerCase',
    'toUpperCase', 'substr', 'concat', 'slice', 'equalsIgnoreCase', 'match', 'search', 'replace', 'localeCompare',
    'toLocaleLowerCase']);
})
