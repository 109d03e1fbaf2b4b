// Draws one transaction: its way from the client to the target and back, step by step, with a bar of time for each.

import { h, replace } from "./dom.js";
import { clock, duration, statusClass } from "./format.js";
import { icon } from "./icons.js";

const STAGES = {
  PROXY_REQ_FLOW: "Proxy request",
  TARGET_REQ_FLOW: "Target request",
  TARGET_RESP_FLOW: "Target response",
  PROXY_RESP_FLOW: "Proxy response",
  PROXY_POST_RESP_SENT: "After the answer",
  ERROR_FLOW: "Error flow",
};

/** Draws a transaction; the rows that can be chosen, each with `focus`, `mark`, `is`, `point` and `faulted`. */
export function drawFlow(pane, details, on) {
  const total = Math.max(details.took, 1e-6);
  const rows = [];
  const body = h("div", { class: "flow", role: "listbox", "aria-label": "Steps of the transaction" });
  let stage = "";
  let box = null;

  const enter = (name, title, kind = "") => {
    stage = name;
    box = h("div", { class: `stage ${kind}`, role: "group", "aria-label": title }, h("h3", { class: "stage-name", text: title }));
    body.append(box);
  };
  const put = (row, parts) => {
    const element = h(
      "div",
      { class: `row ${row.class}`, role: "option", tabindex: "-1", "aria-selected": "false", "aria-label": row.label, vars: { "--depth": String(Math.min(row.depth ?? 0, 6)) } },
      h("span", { class: "node" }, icon(row.icon)),
      h("span", { class: "row-what" }, parts),
      row.at === undefined ? null : bar(row, total),
      h("span", { class: "row-took", text: row.took === undefined ? "" : duration(row.took) }),
    );
    row.focus = () => {
      for (const other of rows) other.element.tabIndex = -1;
      element.tabIndex = 0;
      element.focus();
      element.scrollIntoView({ block: "nearest" });
    };
    row.mark = (chosen) => {
      element.setAttribute("aria-selected", String(chosen));
      element.tabIndex = chosen ? 0 : -1;
    };
    row.element = element;
    element.addEventListener("click", () => on.choose(row));
    box.append(element);
    rows.push(row);
  };

  enter("client", "Client", "end");
  put(
    { is: "request", class: "client", icon: "client", label: `Request ${details.method} ${details.uri}`, message: details.request },
    [h("b", { text: "Request" }), h("span", { class: "detail", text: `from ${details.client}` })],
  );
  for (const point of details.points) {
    const phase = point.is === "call" && point.purpose === "target" && point.depth === 0 ? "target" : point.phase;
    if (phase === "target") {
      enter("target", "Target", "end");
    } else if (point.depth === 0 && phase && phase !== stage && STAGES[phase] && point.is !== "fault") {
      enter(phase, STAGES[phase], phase === "ERROR_FLOW" ? "wrong" : "");
    }
    const drawn = DRAW[point.is]?.(point, details);
    if (drawn) put({ ...drawn.row, is: point.is, point, depth: point.depth, at: point.at, took: point.took }, drawn.parts);
    else if (point.is === "flow") box.append(h("div", { class: "flow-name", vars: { "--depth": String(Math.min(point.depth, 6)) } }, h("span", { text: point.name || "flow" }), point.proxy !== details.proxy ? h("span", { class: "quiet", text: ` of ${point.proxy}` }) : null));
  }
  enter("client", "Client", "end");
  put(
    { is: "response", class: "client", icon: "client", label: details.completed ? `Response ${details.status}` : "No answer yet", message: details.response },
    details.completed ? [h("b", { text: "Response" }), h("span", { class: `status ${statusClass(details)}`, text: `${details.status} ${details.reason}` })] : [h("b", { text: "Still running" })],
  );

  body.addEventListener("keydown", (event) => {
    const at = rows.findIndex((row) => row.element === document.activeElement);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined) {
      const row = rows[Math.max(0, Math.min(rows.length - 1, to))];
      if (matchMedia("(min-width: 760px)").matches) on.choose(row);
      row.focus();
    } else if (event.key === "Enter" || event.key === " " || event.key === "ArrowRight") {
      on.choose(rows[at]);
      on.enter();
    } else if (event.key === "ArrowLeft") {
      on.back();
      document.querySelector(".transaction[aria-selected=true]")?.focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
  replace(pane, head(details, on), overview(details), body);
  pane.scrollTop = 0;
  return rows;
}

function bar(row, total) {
  const left = Math.min(99.5, (row.at / total) * 100);
  const width = Math.min(100 - left, ((row.took ?? 0) / total) * 100);
  return h("span", { class: "lane", "aria-hidden": "true" }, h("span", { class: "bar", vars: { "--at": `${left}%`, "--took": `${width}%` } }));
}

function head(details, on) {
  const download = (form, text) => h("a", { href: `/trace/transactions/${details.id}/${form}`, download: "", text });
  return h(
    "div",
    { class: "head" },
    h("button", { type: "button", class: "back", text: "‹ Transactions", onclick: on.back }),
    h("h2", { class: "request-line" }, h("b", { class: "method", text: details.method }), " ", h("span", { text: details.uri })),
    h(
      "p",
      { class: "facts" },
      details.completed ? h("span", { class: `status ${statusClass(details)}`, text: `${details.status} ${details.reason}` }) : h("span", { class: "status running", text: "running" }),
      h("span", { text: duration(details.took) }),
      h("span", { text: details.proxy ? `${details.proxy} revision ${details.revision}` : "no proxy has this base path" }),
      h("span", { class: "quiet", text: `${details.environment} · ${clock(details.started)}` }),
    ),
    details.raised ? h("p", { class: "raised" }, icon("fault"), h("b", { text: details.raised.code }), h("span", { text: details.raised.text })) : null,
    details.masked.length ? h("p", { class: "note", text: `Masked before it was stored: ${details.masked.join(", ")}` }) : null,
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", text: "Replay", onclick: on.replay }),
      h("span", { class: "downloads" }, h("span", { class: "quiet", text: "Download" }), download("emulator", "Trace JSON"), download("har", "HAR"), download("otel", "OpenTelemetry")),
    ),
  );
}

/** The whole way at a glance: how long proxy and target took. */
function overview(details) {
  const call = details.points.find((point) => point.is === "call" && point.purpose === "target" && point.depth === 0);
  const error = details.points.find((point) => point.is === "fault" && point.depth === 0);
  const leg = (name, took, kind = "") => h("span", { class: `leg ${kind}`, vars: { "--share": String(Math.max(took / Math.max(details.took, 1e-6), 0.001)) } }, h("span", { class: "leg-name", text: name }), h("span", { class: "leg-took", text: duration(took) }));
  const legs = call
    ? [leg("Request", call.at), leg("Target", call.took, "target"), leg(error && error.at >= call.at ? "Error" : "Response", Math.max(details.took - call.at - call.took, 0), error ? "wrong" : "")]
    : [leg(!details.proxy ? "No proxy" : error ? "Proxy, no target: fault" : "Proxy, no target", details.took, error ? "wrong" : "")];
  return h("div", { class: "overview", role: "img", "aria-label": `Time: ${legs.map((one) => one.textContent).join(", ")}` }, legs);
}

const DRAW = {
  step: (step) => {
    const said = { ran: "", skipped: "skipped", disabled: "disabled", faulted: "faulted" }[step.outcome];
    const condition = step.condition ? condensed(step.condition) : "";
    return {
      row: {
        class: `step ${step.family} ${step.outcome}`,
        icon: step.family,
        faulted: step.outcome === "faulted",
        label: `${step.policy}, ${step.kind}${said ? `, ${said}` : ""}${condition ? `, condition ${condition} is ${step.outcome === "skipped" ? "false" : "true"}` : ""}, ${duration(step.took)}`,
      },
      parts: [
        h("b", { text: step.policy }),
        h("span", { class: "detail", text: step.kind }),
        said ? h("span", { class: `said ${step.outcome}`, text: said }) : null,
        condition ? verdict(step.outcome !== "skipped", condition) : null,
        step.fault ? h("span", { class: "why", text: `${step.fault.code}: ${step.fault.text}` }) : null,
      ],
    };
  },
  choice: (choice) => ({
    row: { class: `choice ${choice.holds ? "holds" : "fails"}`, icon: "condition", label: `${choice.kind} ${choice.name}: ${condensed(choice.condition)} is ${choice.holds}` },
    parts: [h("b", { text: choice.name || choice.kind }), h("span", { class: "detail", text: kindName(choice.kind) }), verdict(choice.holds, condensed(choice.condition))],
  }),
  route: (route) => ({
    row: { class: "route", icon: "route", label: `Route ${route.name} to ${route.target || "no target"}` },
    parts: [h("b", { text: route.name }), h("span", { class: "detail", text: route.target ? `route to ${route.target}` : "no target" })],
  }),
  fault: (fault) => ({
    row: { class: "fault", icon: "fault", faulted: true, label: `Fault ${fault.code}: ${fault.text}` },
    parts: [h("b", { text: fault.name }), h("span", { class: "why", text: fault.text })],
  }),
  call: (call, details) => {
    const answer = call.response === null ? null : details.messages[call.response];
    const verb = details.messages[call.request].verb;
    return {
      row: { class: `call ${answer ? "" : "silent"}`, icon: "target", label: `Call ${verb} ${call.url}, ${answer ? `status ${answer.status}` : "no answer"}, ${duration(call.took)}` },
      parts: [
        h("b", { class: "method", text: verb }),
        h("span", { class: "url", text: call.url }),
        answer ? h("span", { class: `status ${statusClass({ completed: true, status: answer.status })}`, text: String(answer.status) }) : h("span", { class: "said faulted", text: "no answer" }),
      ],
    };
  },
};

const condensed = (text) => text.replace(/\s+/g, " ").trim();
const kindName = (kind) => ({ Flow: "conditional flow", RouteRule: "route rule", FaultRule: "fault rule", DefaultFaultRule: "default fault rule" })[kind] ?? kind;
const verdict = (holds, text) => h("span", { class: `verdict ${holds ? "holds" : "fails"}` }, h("span", { class: "sign", text: holds ? "true" : "false" }), h("code", { text }));
