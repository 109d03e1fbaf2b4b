// JSON.parse that says what is wrong with a text in Rhino's words.
(function ($) {
  'use strict';
  const { text, safe, call } = $;
  const native = JSON.parse;
  const hide = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  hide(JSON, 'parse', function parse(given, reviver) {
    try { return native(given, reviver); } catch (error) {
      if (error instanceof SyntaxError) {
        const message = call('jsonFault', safe(text(given)));
        if (message !== null) hide(error, 'message', message);
      }
      throw error;
    }
  });
})
