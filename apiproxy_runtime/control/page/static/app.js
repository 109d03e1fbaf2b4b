// The page: what is known, what is chosen, and the keys.

import { $, copyable, h, replace } from "./dom.js";
import { showDeployed, firstCommand } from "./deployed.js";
import { drawFlow } from "./flow.js";
import { inspect } from "./inspector.js";
import { List } from "./list.js";
import { openReplay } from "./replay.js";

const wide = matchMedia("(min-width: 760px)");
const state = { chosen: "", details: null, point: null, deployed: null, address: "", news: 0, leftOut: 0, paused: false };

const list = new List($("#transactions"), {
  choose: (id) => choose(id),
  open: (id) => choose(id, true),
  changed: showEmpty,
});

// ---- events

function listen() {
  const events = new EventSource("/trace/events");
  events.addEventListener("hello", (event) => {
    const hello = JSON.parse(event.data);
    state.address = hello.address;
    $("#address").textContent = hello.address ? `traffic at ${hello.address}` : "";
    connected("live", true);
    list.reset(hello.transactions);
    deployed();
  });
  events.addEventListener("transactions", (event) => {
    const news = JSON.parse(event.data);
    if (news.skipped) leftOut(news.skipped);
    if (state.paused) {
      state.news += news.transactions.filter((line) => line.completed).length;
      $("#pause").textContent = state.news ? `Resume (${state.news} new)` : "Resume";
      return;
    }
    list.add(news.transactions);
    const chosen = news.transactions.find((line) => line.id === state.chosen);
    if (chosen && chosen.completed && !state.details?.completed) load(chosen.id);
  });
  events.addEventListener("cleared", () => {
    list.reset([]);
    state.leftOut = 0;
    $("#left-out").hidden = true;
  });
  events.addEventListener("deployed", deployed);
  events.onerror = () => connected("not connected, trying again", false);
}

function connected(text, good) {
  $("#connection").dataset.state = good ? "live" : "lost";
  $("#connection-text").textContent = text;
}

function leftOut(count) {
  state.leftOut += count;
  const note = $("#left-out");
  note.hidden = false;
  note.textContent = `${state.leftOut.toLocaleString("en")} more came faster than a person can read and were left out. Requests ran as fast as ever.`;
}

async function deployed() {
  state.deployed = await ask("/trace/deployed");
  showDeployed(state.deployed, $("#deployed-list"), $("#trouble"));
  const count = state.deployed.environments.reduce((sum, environment) => sum + environment.proxies.length, 0);
  $("#deployed summary").textContent = count === 1 ? "1 proxy deployed" : `${count} proxies deployed`;
  list.proxies(state.deployed.environments.flatMap((environment) => environment.proxies.map((proxy) => proxy.name)));
  showEmpty();
}

/** JSON of an address; what goes wrong is announced, and undefined comes back. */
async function ask(url, options) {
  const answer = await fetch(url, options);
  const content = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(content.message), { code: content.code });
  return content;
}

// ---- the empty list

function showEmpty() {
  const empty = $("#empty");
  empty.hidden = list.shown > 0;
  if (list.shown || !state.deployed) return;
  if (list.known) {
    replace(empty, h("h2", { text: "Nothing matches" }), h("p", { text: "No transaction that is kept passes the filter." }), h("button", { type: "button", text: "Show all", onclick: () => list.unfilter() }));
    return;
  }
  replace(empty, ...firstCommand(state.deployed, state.address));
}

// ---- choosing

async function choose(id, enter = false) {
  state.chosen = id;
  list.mark(id);
  await load(id);
  if (enter) {
    view("flow");
    focusPoint();
  } else if (!wide.matches) {
    view("flow");
  }
}

async function load(id) {
  let details;
  try {
    details = await ask(`/trace/transactions/${id}`);
  } catch (error) {
    replace($("#transaction"), h("div", { class: "empty" }, h("h2", { text: "Gone" }), h("p", { text: error.message })));
    replace($("#inspector"));
    return;
  }
  if (state.chosen !== id) return;
  state.details = details;
  const rows = drawFlow($("#transaction"), details, {
    choose: (point) => pick(point),
    back: () => view("list"),
    enter: () => inspecting(),
    replay: () => replay(),
  });
  state.rows = rows;
  const first = rows.find((row) => row.faulted) ?? rows.find((row) => row.is === "step") ?? rows[0];
  pick(first, false);
}

function pick(point, follow = true) {
  state.point = point;
  for (const row of state.rows) row.mark(row === point);
  inspect($("#inspector"), state.details, point, { ask, back: () => leaveInspector() });
  if (follow && !wide.matches) view("inspect");
}

function view(name) {
  document.body.dataset.view = name;
  if (!wide.matches) scrollTo(0, 0);
}

const focusPoint = () => state.point?.focus();

function inspecting() {
  view("inspect");
  ($("#inspector [role=tab][aria-selected=true]") ?? $("#inspector")).focus();
}

function leaveInspector() {
  view("flow");
  focusPoint();
}

function replay() {
  if (state.details) openReplay($("#replay"), state.details, ask, (text) => ($("#announce").textContent = text));
}

// ---- buttons and keys

$("#pause").addEventListener("click", async () => {
  state.paused = !state.paused;
  $("#pause").setAttribute("aria-pressed", String(state.paused));
  $("#pause").textContent = state.paused ? "Resume" : "Pause";
  if (!state.paused) {
    state.news = 0;
    list.reset((await ask("/trace/transactions")).transactions);
    list.mark(state.chosen);
  }
});
$("#clear").addEventListener("click", () => ask("/trace/transactions", { method: "DELETE" }));
$("#help").addEventListener("click", () => $("#keys").showModal());

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "Escape") {
    if (typing) list.focus();
    else if ($("#inspector").contains(event.target)) leaveInspector();
    else if ($("#transaction").contains(event.target)) {
      view("list");
      list.focus();
    }
    return;
  }
  if (typing) return;
  if (event.target === document.body && ["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) {
    list.key(event);
    return;
  }
  const actions = {
    "/": () => {
      view("list");
      $("#search").focus();
    },
    "?": () => $("#keys").showModal(),
    r: replay,
    p: () => $("#pause").click(),
    f: () => {
      const faulted = (state.rows ?? []).filter((row) => row.faulted);
      const next = faulted[(faulted.indexOf(state.point) + 1) % faulted.length];
      if (next) {
        pick(next, false);
        next.focus();
      }
    },
    j: () => list.focus(),
    k: () => list.focus(),
  };
  const action = actions[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});

list.search = async (text) => (await ask(`/trace/transactions?text=${encodeURIComponent(text)}`)).transactions.map((line) => line.id);
replace(
  $("#transaction"),
  h("div", { class: "empty" }, h("h2", { text: "One request, step by step" }), h("p", { text: "Choose a transaction to see the way it took: flows, policies, conditions, calls and what each of them changed." })),
);
listen();
