// Sends a recorded request again, after asking for what was masked.

import { h, replace } from "./dom.js";

const MASKED = "*****";

export function openReplay(dialog, details, ask, announce) {
  const request = details.messages[details.request];
  const masked = request.headers.filter(([, value]) => value === MASKED).map(([name]) => name);
  const fields = masked.map((name) => ({ name, input: h("input", { type: "text", autocomplete: "off", "aria-label": `Value of ${name}`, placeholder: "empty: leave it out" }) }));
  const result = h("p", { class: "result", role: "status" });
  const send = h("button", { type: "button", class: "primary", text: "Send it again" });
  send.addEventListener("click", async () => {
    send.disabled = true;
    result.textContent = "Sending …";
    const headers = Object.fromEntries(fields.map(({ name, input }) => [name, input.value]));
    try {
      const answer = await ask(`/trace/transactions/${details.id}/replay`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ headers }) });
      result.textContent = `Answered ${answer.status} ${answer.reason}; it is the newest in the list.`;
      announce(`Replayed: status ${answer.status}`);
    } catch (error) {
      result.textContent = error.message;
    }
    send.disabled = false;
  });
  replace(
    dialog,
    h("h2", { id: "replay-title", text: "Replay this request" }),
    h("p", {}, h("code", { text: `${details.method} ${details.uri}` })),
    h("p", { class: "quiet", text: "apiproxy sends the recorded request to its own traffic port: it is counted, limited and passed on to targets as any other." }),
    fields.length
      ? [h("p", { text: "These headers were masked when the request was recorded, so nobody knows their values. Give them, or leave them out:" }), fields.map(({ name, input }) => h("label", { class: "field" }, h("span", { text: name }), input))]
      : null,
    result,
    h("div", { class: "buttons" }, send, h("button", { type: "button", text: "Close", onclick: () => dialog.close() })),
  );
  dialog.showModal();
  send.focus();
}
