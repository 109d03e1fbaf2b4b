// Errors as Rhino's: its words, `lineNumber`, `fileName`, and a stack of the bundle's own lines.
(function ($) {
  'use strict';
  const { text, safe, call } = $;
  const hide = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  const WORDED = { __proto__: null, TypeError: 1, ReferenceError: 1, SyntaxError: 1, RangeError: 1, URIError: 1 };
  const fileAt = (line) => {
    let found = null;
    for (const file of $.files) { if (file[0] <= line) found = file; }
    return found;
  };
  $.lacking = (name) => $.missing && $.missing[0] === name && typeof $.missing[1] !== 'object' ? safe($.missing[1]) : null;
  $.stack = (error, sites) => {
    let stack = '';
    for (const site of sites) {
      const line = site.getLineNumber();
      if (typeof line !== 'number' || line < 2 || site.getFileName() !== '<input>') continue;
      const file = fileAt(line);
      if (file === null) continue;
      const name = site.getFunctionName();
      if (stack === '') {
        hide(error, 'lineNumber', line - file[0] + 1);
        hide(error, 'fileName', file[1]);
        const kind = error.name;
        if (kind in WORDED) {
          const message = call('wording', text(kind), safe(error.message), line, site.getColumnNumber());
          if (message !== null) hide(error, 'message', message);
        }
      }
      stack += '\tat ' + file[1] + ':' + (line - file[0] + 1);
      stack += (name === null || name === '' || name === '<eval>' || name === '$script' ? '' : ' (' + name + ')') + '\n';
    }
    return stack;
  };
})
