// Loaded before each suite. Suites speak https to a public host and drive a browser; this sends what they ask for to
// the runtime at CONFORMANCE_HOST by plain http, and puts a form filler in the browser's place.
"use strict";
const Module = require("node:module");

const host = process.env.CONFORMANCE_HOST;
const load = Module._load;

function localApickli(module) {
  class Apickli extends module.Apickli {
    constructor(scheme, domain, ...rest) {
      const slash = domain.indexOf("/");
      super("http", host + (slash < 0 ? "" : domain.slice(slash)).replace(/\/$/, ""), ...rest);
    }

    sendRequest(...asked) {
      setTimeout(() => super.sendRequest(...asked), Number(process.env.CONFORMANCE_PAUSE || 0));
    }
  }
  return { ...module, Apickli };
}

function attribute(tag, name) {
  const found = new RegExp(`\\b${name}\\s*=\\s*"([^"]*)"`).exec(tag);
  return found ? found[1].replace(/&amp;/g, "&").replace(/&quot;/g, '"') : undefined;
}

class Page {
  address = "";
  html = "";
  typed = {};
  focused = "";
  keyboard = { type: async (text) => { this.typed[this.focused] = (this.typed[this.focused] || "") + text; } };

  url() {
    return this.address;
  }

  async goto(address, options = {}) {
    let next = new URL(address);
    let request = options;
    for (let hop = 0; hop < 10; hop += 1) {
      this.address = next.href;
      if (next.host !== host) return;
      const local = new URL(next.href);
      local.protocol = "http:";
      const response = await fetch(local, { redirect: "manual", ...request });
      this.html = await response.text();
      this.typed = {};
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || !location) return;
      next = new URL(location, next);
      request = {};
    }
  }

  async click(selector) {
    const id = selector.slice(1);
    const tags = this.html.match(/<(?:input|button)\b[^>]*>/g) || [];
    const clicked = tags.find((tag) => attribute(tag, "id") === id);
    if (!clicked) throw new Error(`no element ${selector} at ${this.address}: ${this.html.slice(0, 300)}`);
    if (attribute(clicked, "type") !== "submit") {
      this.focused = id;
      return;
    }
    const form = this.html.match(/<form\b[^>]*>/)[0];
    const fields = new URLSearchParams();
    for (const tag of tags) {
      const name = attribute(tag, "name");
      if (!name || (attribute(tag, "type") === "submit" && tag !== clicked)) continue;
      fields.append(name, this.typed[attribute(tag, "id")] ?? attribute(tag, "value") ?? "");
    }
    this.navigation = this.goto(new URL(attribute(form, "action"), this.address), { method: "POST", body: fields });
    await this.navigation;
  }

  async waitForNavigation() {
    await this.navigation;
  }
}

const puppeteer = {
  launch: async () => ({ newPage: async () => new Page(), close: async () => undefined }),
};

Module._load = function (name, ...rest) {
  if (name === "puppeteer") return puppeteer;
  const module = load.call(this, name, ...rest);
  return name === "apickli" ? localApickli(module) : module;
};
