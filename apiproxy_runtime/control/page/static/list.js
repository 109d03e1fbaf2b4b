// The list of transactions: newest first, filtered, with one of them in focus.

import { $, h } from "./dom.js";
import { clock, duration, statusClass } from "./format.js";

const MOST = 500;

export class List {
  constructor(box, on) {
    this.box = box;
    this.on = on;
    this.lines = new Map();
    this.rows = new Map();
    this.found = null;
    this.chosen = "";
    this.search = null;
    const form = $("#filter");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.filter());
    box.addEventListener("keydown", (event) => this.key(event));
  }

  /** How many are known, and how many pass the filter. */
  get known() {
    return this.lines.size;
  }

  get shown() {
    return [...this.rows.values()].filter((row) => !row.hidden).length;
  }

  reset(lines) {
    this.lines.clear();
    this.rows.clear();
    this.box.replaceChildren();
    this.add(lines);
  }

  add(lines) {
    for (const line of lines) {
      this.lines.set(line.id, line);
      const before = this.rows.get(line.id);
      const row = this.row(line);
      if (before) before.replaceWith(row);
      else this.place(row, line);
      this.rows.set(line.id, row);
      row.hidden = !this.passes(line);
      if (line.id === this.chosen) row.setAttribute("aria-selected", "true");
    }
    while (this.rows.size > MOST) {
      const [id, row] = this.rows.entries().next().value;
      row.remove();
      this.rows.delete(id);
      this.lines.delete(id);
    }
    this.methods();
    this.reachable();
    if (lines.length && $("#search").value) this.look();
    this.on.changed();
  }

  /** Newest first; workers tell in turns, so what comes may be older than what is there. */
  place(row, line) {
    let next = this.box.firstElementChild;
    while (next && this.lines.get(next.dataset.id).started > line.started) next = next.nextElementSibling;
    this.box.insertBefore(row, next);
  }

  row(line) {
    const status = line.completed ? String(line.status) : "…";
    const name = `${line.method} ${line.uri}, ${line.completed ? `status ${line.status}` : "running"}, ${line.proxy ? `proxy ${line.proxy}` : "no proxy"}, ${duration(line.took)}${line.fault ? `, fault ${line.fault}` : ""}`;
    const [path, query] = line.uri.split(/\?(.*)/s);
    return h(
      "div",
      { class: "transaction", role: "option", tabindex: "-1", "aria-selected": "false", "aria-label": name, "data-id": line.id, onclick: () => this.on.choose(line.id) },
      h("span", { class: `status ${statusClass(line)}`, text: status }),
      h("span", { class: "what" }, h("b", { class: "method", text: line.method }), " ", h("span", { class: "path" }, path, query ? h("span", { class: "query", text: `?${query}` }) : null)),
      h("span", { class: "where" }, line.proxy || "no proxy", line.fault ? h("span", { class: "fault-name", text: line.fault.split(".").pop() }) : null),
      h("span", { class: "times" }, h("span", { class: "took", text: line.completed ? duration(line.took) : "running" }), h("time", { text: clock(line.started) })),
    );
  }

  // ---- filter

  passes(line) {
    const method = $("#by-method").value;
    const status = $("#by-status").value;
    const proxy = $("#by-proxy").value;
    if (method && line.method !== method) return false;
    if (proxy && line.proxy !== proxy) return false;
    if (status === "fault" ? !line.fault : status && String(line.status)[0] !== status) return false;
    const text = $("#search").value.trim().toLowerCase();
    if (!text || `${line.method} ${line.uri} ${line.status} ${line.proxy} ${line.fault}`.toLowerCase().includes(text)) return true;
    return this.found?.has(line.id) ?? false;
  }

  filter() {
    for (const [id, row] of this.rows) row.hidden = !this.passes(this.lines.get(id));
    this.reachable();
    this.on.changed();
    clearTimeout(this.waiting);
    if ($("#search").value.trim()) this.waiting = setTimeout(() => this.look(), 250);
    else this.found = null;
  }

  /** Asks the server which transactions hold the text anywhere. */
  async look() {
    const text = $("#search").value.trim();
    if (!text) return;
    const found = await this.search(text);
    if ($("#search").value.trim() !== text) return;
    this.found = new Set(found);
    for (const [id, row] of this.rows) row.hidden = !this.passes(this.lines.get(id));
    this.reachable();
    this.on.changed();
  }

  unfilter() {
    $("#filter").reset();
    this.found = null;
    this.filter();
    $("#search").focus();
  }

  methods() {
    options($("#by-method"), [...new Set([...this.lines.values()].map((line) => line.method))].sort());
  }

  proxies(names) {
    options($("#by-proxy"), [...new Set([...names, ...[...this.lines.values()].map((line) => line.proxy)])].filter(Boolean).sort());
  }

  // ---- focus

  visible() {
    return [...this.box.children].filter((row) => !row.hidden);
  }

  /** One row can be reached with Tab: the chosen one, else the first. */
  reachable() {
    const rows = this.visible();
    const one = rows.find((row) => row.dataset.id === this.chosen) ?? rows[0];
    for (const row of this.box.children) row.tabIndex = row === one ? 0 : -1;
  }

  mark(id) {
    this.rows.get(this.chosen)?.setAttribute("aria-selected", "false");
    this.chosen = id;
    this.rows.get(id)?.setAttribute("aria-selected", "true");
    this.reachable();
  }

  focus() {
    const rows = this.visible();
    (rows.find((row) => row.dataset.id === this.chosen) ?? rows[0])?.focus();
  }

  key(event) {
    const rows = this.visible();
    const at = rows.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined) {
      const row = rows[Math.max(0, Math.min(rows.length - 1, to))];
      event.preventDefault();
      event.stopPropagation();
      row?.focus();
      if (row && matchMedia("(min-width: 760px)").matches) this.on.choose(row.dataset.id);
    } else if ((event.key === "Enter" || event.key === " " || event.key === "ArrowRight") && at >= 0) {
      event.preventDefault();
      event.stopPropagation();
      this.on.open(rows[at].dataset.id);
    }
  }
}

function options(select, names) {
  const [any, ...there] = select.options;
  if (there.length === names.length && there.every((option, index) => option.value === names[index])) return;
  const chosen = select.value;
  select.replaceChildren(any, ...names.map((name) => h("option", { value: name, text: name })));
  select.value = names.includes(chosen) ? chosen : "";
}
