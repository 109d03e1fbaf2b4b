// For a context in which scripts run as functions and which outlives a run: the globals are compared after each.
(function ($) {
  'use strict';
  const g = globalThis;
  const { ownKeys, apply } = Reflect;
  let known = 0;
  let keep = null;
  $.prepare = (factory, names) => {
    const makers = names === '' ? [] : names.split(',').map((name) => $.globals[name]);
    $.main = () => { apply(factory(...makers.map((make) => make())), g, []); };
  };
  $.settle = () => { known = ownKeys(g).length; keep = new Set(ownKeys(g)); };
  // Whether the globals are as they were before the run; what a script added is taken away.
  $.clean = () => {
    if (ownKeys(g).length === known) return true;
    for (const key of ownKeys(g)) { if (!keep.has(key)) delete g[key]; }
    return ownKeys(g).length === known;
  };
  $.openSession = () => { $.session = {}; };
})
