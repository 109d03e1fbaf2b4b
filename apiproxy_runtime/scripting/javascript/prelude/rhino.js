// Takes away the globals that Rhino does not have, so that scripts do not come to rely on them.
(function () {
  'use strict';
  for (const name of ['queueMicrotask', 'performance', 'atob', 'btoa', 'DOMException', 'SharedArrayBuffer',
    'Atomics', 'WeakRef', 'FinalizationRegistry', 'AggregateError', 'SuppressedError', 'DisposableStack',
    'AsyncDisposableStack', 'Iterator', 'Float16Array', 'InternalError']) delete globalThis[name];
})
