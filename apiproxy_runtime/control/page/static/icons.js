// One small picture for each family of policies; drawn here, so that nothing is loaded.

import { svg } from "./dom.js";

const PATHS = {
  security: "M8 1.5 13 3.4v4.2c0 3.2-2 5.5-5 6.9-3-1.4-5-3.7-5-6.9V3.4z M5.8 8l1.6 1.6 3-3.2",
  traffic: "M2.5 11.5a5.5 5.5 0 0 1 11 0 M8 11.5l2.6-3.6 M2.5 13.5h11",
  mediation: "M2.5 5h8.6 M8.6 2.5 11.1 5 8.6 7.5 M13.5 11H4.9 M7.4 8.5 4.9 11l2.5 2.5",
  extension: "M6.2 2.5h3.6v2.6h2.7v3.5h-2.7v1.6h2.7v3.3H3.5v-3.3h2.7V8.6H3.5V5.1h2.7z",
  flow: "M3 3.5h4v3H3z M9 9.5h4v3H9z M7 5h3a1 1 0 0 1 1 1v3.5",
  client: "M2.5 3h11v7.5h-11z M6 13.5h4 M8 10.5v3",
  target: "M3 3h10v3.6H3z M3 9.4h10V13H3z M5.2 4.8h.1 M5.2 11.2h.1",
  route: "M4 13V9.5A3.5 3.5 0 0 1 7.5 6H13 M10.5 3.5 13 6l-2.5 2.5 M4 6V3",
  condition: "M8 2.2 13.8 8 8 13.8 2.2 8z",
  fault: "M8 2 14.5 13.5h-13z M8 6.2v3.4 M8 11.5h.1",
};

export function icon(name) {
  return svg(
    "svg",
    { viewBox: "0 0 16 16", class: `icon icon-${name}`, "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] ?? PATHS.flow, fill: "none", stroke: "currentColor", "stroke-width": "1.4", "stroke-linecap": "round", "stroke-linejoin": "round" }),
  );
}
