// How numbers, times and bodies are written.

import { h } from "./dom.js";

const number = (value, digits) => value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });

/** Seconds for people: `840 µs`, `2.2 ms`, `1.24 s`. */
export function duration(seconds) {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 0.01) return `${number(seconds * 1e3, 2)} ms`;
  if (seconds < 1) return `${number(seconds * 1e3, 1)} ms`;
  return `${number(seconds, 2)} s`;
}

/** The time of day, with milliseconds. */
export function clock(seconds) {
  const date = new Date(seconds * 1000);
  const two = (value) => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export function bytes(size) {
  if (size < 1024) return `${size} B`;
  if (size < 1024 * 1024) return `${number(size / 1024, 1)} KB`;
  return `${number(size / 1024 / 1024, 1)} MB`;
}

export function statusClass(line) {
  if (!line.completed) return "running";
  if (line.status >= 500) return "bad";
  if (line.status >= 400) return "warn";
  if (line.status >= 300) return "moved";
  return "good";
}

/** A body as it is best read: the language, and its text with line breaks. */
export function pretty(text) {
  const start = text.trimStart()[0];
  if (start === "{" || start === "[") {
    try {
      return { language: "json", text: JSON.stringify(JSON.parse(text), null, 2) };
    } catch {
      return { language: "text", text };
    }
  }
  if (start === "<") {
    const parsed = new DOMParser().parseFromString(text, "application/xml");
    if (!parsed.querySelector("parsererror")) return { language: "xml", text: indented(parsed.documentElement, "").trim() };
    return { language: "xml", text };
  }
  return { language: "text", text };
}

function indented(element, margin) {
  const attributes = [...element.attributes].map((one) => ` ${one.name}="${escaped(one.value)}"`).join("");
  const children = [...element.childNodes].filter((node) => node.nodeType !== Node.TEXT_NODE || node.data.trim());
  if (!children.length) return `${margin}<${element.tagName}${attributes}/>\n`;
  if (children.every((node) => node.nodeType === Node.TEXT_NODE || node.nodeType === Node.CDATA_SECTION_NODE)) {
    return `${margin}<${element.tagName}${attributes}>${escaped(element.textContent.trim())}</${element.tagName}>\n`;
  }
  const inner = children.map((node) => {
    if (node.nodeType === Node.ELEMENT_NODE) return indented(node, `${margin}  `);
    if (node.nodeType === Node.COMMENT_NODE) return `${margin}  <!--${node.data}-->\n`;
    return `${margin}  ${escaped(node.data.trim())}\n`;
  });
  return `${margin}<${element.tagName}${attributes}>\n${inner.join("")}${margin}</${element.tagName}>\n`;
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const TOKENS = {
  json: /(?<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?<string>"(?:[^"\\]|\\.)*")|(?<number>-?\b\d[\d.eE+-]*\b)|(?<word>\b(?:true|false|null)\b)/g,
  xml: /(?<comment><!--[\s\S]*?-->)|(?<key><\/?[\w:.-]+|\/?>|<\?[\s\S]*?\?>)|(?<word>[\w:.-]+(?==["']))|(?<string>"[^"<]*"|'[^'<]*')/g,
};

/** A text in a language, as lines with coloured words; lines are numbered from `first` unless that is 0. */
export function code(language, text, first = 0) {
  const lines = text.split("\n");
  const list = h("pre", { class: first ? "code numbered" : "code", tabindex: "0", vars: first ? { "--first": String(first - 1) } : {} });
  for (const line of lines) list.append(h("span", { class: "line" }, coloured(language, line), "\n"));
  return list;
}

function coloured(language, line) {
  const pattern = TOKENS[language];
  if (!pattern || line.length > 4000) return [line];
  const parts = [];
  let at = 0;
  for (const match of line.matchAll(pattern)) {
    if (match.index > at) parts.push(line.slice(at, match.index));
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    parts.push(h("span", { class: `t-${kind}`, text: match[0] }));
    at = match.index + match[0].length;
  }
  parts.push(line.slice(at));
  return parts;
}
