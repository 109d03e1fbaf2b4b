// What the chosen row holds: variables, messages, the policy's XML.

import { h, replace } from "./dom.js";
import { bytes, code, duration, pretty } from "./format.js";

let wanted = "Variables";

export function inspect(pane, details, row, on) {
  const tabs = tabsOf(details, row, on);
  const title = titleOf(details, row);
  const panel = h("div", { class: "panel", role: "tabpanel", id: "panel", tabindex: "-1" });
  const buttons = tabs.map(([name, , count]) =>
    h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "panel", tabindex: "-1" }, name, count ? h("span", { class: "count", text: String(count) }) : null),
  );
  const open = async (index, focus = false) => {
    buttons.forEach((button, at) => {
      button.setAttribute("aria-selected", String(at === index));
      button.tabIndex = at === index ? 0 : -1;
    });
    if (focus) {
      buttons[index].focus();
      wanted = tabs[index][0];
    }
    panel.setAttribute("aria-labelledby", buttons[index].id);
    const content = tabs[index][1]();
    replace(panel, content instanceof Promise ? await content : content);
  };
  buttons.forEach((button, index) => button.addEventListener("click", () => open(index, true)));
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "What to show" }, buttons);
  list.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    open((to + buttons.length) % buttons.length, true);
  });
  replace(pane, h("div", { class: "inspect-head" }, h("button", { type: "button", class: "back", text: "‹ Flow", onclick: on.back }), title), list, panel);
  const start = tabs.findIndex(([name]) => name === wanted);
  open(start < 0 ? 0 : start);
}

function titleOf(details, row) {
  const point = row.point;
  if (row.is === "step") return [h("h2", { text: point.policy }), h("p", { class: "quiet" }, `${point.kind} · ${duration(point.took)}`, point.continue_on_error ? " · continueOnError" : "")];
  if (row.is === "call") return [h("h2", { text: `Call: ${point.purpose}` }), h("p", { class: "quiet address-line", text: point.url })];
  if (row.is === "choice") return [h("h2", { text: point.name || point.kind }), h("p", { class: "quiet", text: `${point.kind} · ${point.holds ? "chosen" : "not chosen"}` })];
  if (row.is === "route") return [h("h2", { text: `Route ${point.name}` }), h("p", { class: "quiet", text: point.target ? `to the target ${point.target}` : "to no target: the proxy answers" })];
  if (row.is === "fault") return [h("h2", { text: point.name }), h("p", { class: "quiet", text: point.code })];
  return [h("h2", { text: row.is === "request" ? "Request from the client" : "Response to the client" }), h("p", { class: "quiet", text: row.is === "request" ? details.client : duration(details.took) })];
}

function tabsOf(details, row, on) {
  const point = row.point;
  const at = (place) => (place === null || place === undefined ? null : details.messages[place]);
  if (row.is === "step") {
    const changed = point.before !== point.after;
    return [
      ["Variables", () => variables(point), point.accesses.length],
      ["Message", () => (changed ? change(at(point.before), at(point.after)) : message(at(point.after), "The step left the message as it was.")), changed ? "changed" : 0],
      ["Policy", () => policy(details, point, on.ask), 0],
    ];
  }
  if (row.is === "call") {
    return [
      ["Request", () => message(at(point.request)), 0],
      ["Response", () => (point.response === null ? h("p", { class: "nothing", text: "No answer came: the call failed, or is under way." }) : message(at(point.response))), 0],
    ];
  }
  if (row.is === "choice") return [["Variables", () => [h("div", { class: "block" }, h("h3", { text: "Condition" }), code("text", point.condition.trim())), variables(point)], point.accesses.length]];
  if (row.is === "route") return [["Route", () => facts([["rule", point.name], ["target", point.target || "none"]]), 0]];
  if (row.is === "fault") {
    return [["Fault", () => facts([["name", point.name], ["code", point.code], ["text", point.text], ["status", point.status], ["policy", point.policy], ["raised in", point.phase]]), 0]];
  }
  return [["Message", () => (at(row.message) ? message(at(row.message)) : h("p", { class: "nothing", text: "There is no answer yet." })), 0]];
}

function facts(pairs) {
  return h("dl", { class: "facts-list" }, pairs.filter(([, value]) => value !== "").map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", { text: String(value) }))));
}

// ---- variables

function variables(point) {
  const printed = point.printed?.length ? h("div", { class: "block" }, h("h3", { text: "Printed" }), code("text", point.printed.join("\n"))) : null;
  if (!point.accesses.length) return [printed, h("p", { class: "nothing", text: point.outcome === "disabled" ? "The policy is disabled: it did not run." : "No variable was read or written." })];
  const written = point.accesses.filter((access) => access.action !== "get");
  const read = point.accesses.filter((access) => access.action === "get");
  return [
    printed,
    written.length
      ? h(
          "div",
          { class: "block" },
          h("h3", { text: "Written" }),
          h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col", text: "Variable" }), h("th", { scope: "col", text: "Before" }), h("th", { scope: "col", text: "After" }))),
            h("tbody", {}, written.map((access) => h("tr", { class: access.done ? "" : "refused-write" }, h("th", { scope: "row" }, access.name, access.done ? null : h("span", { class: "said", text: "not writable here" })), h("td", {}, value(access.before)), h("td", {}, access.action === "remove" && access.before !== null ? h("span", { class: "unset", text: "removed" }) : value(access.value)))))),
        )
      : null,
    read.length
      ? h(
          "div",
          { class: "block" },
          h("h3", { text: "Read" }),
          h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col", text: "Variable" }), h("th", { scope: "col", text: "Value" }))),
            h("tbody", {}, read.map((access) => h("tr", {}, h("th", { scope: "row", text: access.name }), h("td", {}, value(access.value)))))),
        )
      : null,
  ];
}

function value(text) {
  if (text === null) return h("span", { class: "unset", text: "not set" });
  if (text === "") return h("span", { class: "unset", text: "empty" });
  if (text === "*****") return h("span", { class: "masked", text: "masked" });
  if (text.length > 400) return h("details", {}, h("summary", { text: `${text.slice(0, 120)}…` }), h("span", { class: "long", text }));
  return h("span", { text });
}

// ---- messages

function startLine(message) {
  return message.is_request ? `${message.verb} ${message.uri} ${message.version}` : `${message.version} ${message.status} ${message.reason}`;
}

function message(one, note = "") {
  return [note ? h("p", { class: "note", text: note }) : null, h("p", { class: "start-line", text: startLine(one) }), headers(one.headers, null), body(one)];
}

/** A message before and after a step: what was added, changed and removed stands out. */
function change(before, after) {
  if (!before || before.is_request !== after.is_request) return message(after, "From here on the message is another one.");
  const lines = startLine(before) === startLine(after) ? h("p", { class: "start-line", text: startLine(after) }) : [h("p", { class: "start-line gone", text: startLine(before) }), h("p", { class: "start-line new", text: startLine(after) })];
  const same = before.content === after.content && before.form === after.form;
  return [
    lines,
    headers(after.headers, before.headers),
    same ? body(after) : [h("h3", { text: "Body after" }), body(after, false), h("details", { class: "block" }, h("summary", { text: "Body before" }), body(before, false))],
  ];
}

function headers(now, before) {
  if (!now.length && !before?.length) return h("p", { class: "nothing", text: "No headers." });
  const rows = [];
  const key = ([name, text]) => `${name.toLowerCase()}: ${text}`;
  const old = new Set((before ?? []).map(key));
  const names = new Set((before ?? []).map(([name]) => name.toLowerCase()));
  const current = new Set(now.map(key));
  for (const line of now) {
    const state = before === null || old.has(key(line)) ? "" : names.has(line[0].toLowerCase()) ? "changed" : "added";
    rows.push([state, line]);
  }
  for (const line of before ?? []) if (!current.has(key(line))) rows.push(["gone", line]);
  return h(
    "table",
    { class: "headers" },
    h("thead", { class: "hidden" }, h("tr", {}, h("th", { scope: "col", text: "Header" }), h("th", { scope: "col", text: "Value" }))),
    h("tbody", {}, rows.map(([state, [name, text]]) => h("tr", { class: state }, h("th", { scope: "row" }, name, state ? h("span", { class: "hidden", text: ` (${state})` }) : null), h("td", {}, text === "*****" ? h("span", { class: "masked", text: "masked" }) : text)))),
  );
}

function body(one, titled = true) {
  const title = titled ? h("h3", { text: "Body" }) : null;
  if (one.form === "stream") return [title, h("p", { class: "nothing", text: "Passed on as a stream, unread." })];
  if (!one.size) return [title, h("p", { class: "nothing", text: "Empty." })];
  if (one.form === "base64") return [title, h("p", { class: "note", text: `${bytes(one.size)} that are no text, as base64:` }), code("text", one.content)];
  const { language, text } = pretty(one.content);
  return [title, h("p", { class: "note", text: one.truncated ? `${bytes(one.size)}, of which the first ${bytes(one.content.length)} were kept` : bytes(one.size) }), code(language, text)];
}

// ---- the policy

async function policy(details, point, ask) {
  if (point.kind === "FlowHook") return h("p", { class: "nothing", text: "A flow hook of the environment runs this shared flow: see flowhooks.json." });
  const query = new URLSearchParams({ environment: details.environment, proxy: details.proxy, policy: point.policy, file: point.file });
  try {
    const found = await ask(`/trace/policy?${query}`);
    return [
      h("p", { class: "place-line" }, h("code", { class: "place", text: `${found.file}:${found.line}` }), h("span", { class: "quiet", text: ` in ${found.bundle}` })),
      point.condition ? h("div", { class: "block" }, h("h3", { text: "Condition of the step" }), code("text", point.condition.trim())) : null,
      code("xml", found.xml, found.line),
    ];
  } catch (error) {
    return h("p", { class: "nothing", text: error.message });
  }
}
