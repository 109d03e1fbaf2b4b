// What is deployed, what was refused, and what to do when there is nothing to see yet.

import { copyable, h, replace } from "./dom.js";

export function showDeployed(deployed, list, trouble) {
  const several = deployed.environments.length > 1;
  replace(
    list,
    deployed.environments.map((environment) => [
      several ? h("h3", { text: environment.name }) : null,
      h(
        "ul",
        {},
        environment.proxies.map((proxy) => h("li", {}, h("b", { text: proxy.name }), h("span", { class: "quiet", text: ` revision ${proxy.revision} ` }), proxy.basePaths.map((path) => h("code", { text: path })))),
        environment.sharedFlows.map((flow) => h("li", {}, h("b", { text: flow.name }), h("span", { class: "quiet", text: " shared flow" }))),
      ),
    ]),
  );
  replace(
    trouble,
    deployed.refused.map((event) =>
      h(
        "div",
        { class: "refused", role: "alert" },
        h("h2", { text: `Refused: ${event.name || event.environment}` }),
        h("p", { class: "quiet", text: "What was deployed before goes on serving." }),
        h(
          "ul",
          {},
          event.findings.map((finding) =>
            h("li", {}, h("code", { class: "place", text: finding.line ? `${finding.file}:${finding.line}` : finding.file }), h("span", { text: finding.message }), finding.cure ? h("span", { class: "cure", text: finding.cure }) : null),
          ),
        ),
      ),
    ),
  );
}

/** The empty list: what to do next. */
export function firstCommand(deployed, address) {
  const proxies = deployed.environments.flatMap((environment) => environment.proxies);
  if (!proxies.length) {
    return [
      h("h2", { text: "Nothing is deployed yet" }),
      h("p", { text: "Deploy a workspace, packed as a zip whose root holds src/:" }),
      copyable(`curl --data-binary @workspace.zip '${location.origin}/v1/emulator/deploy?environment=test'`),
      h("p", { text: "or name a bundle when you start: " }, h("code", { text: "apiproxy serve ./apiproxy" })),
    ];
  }
  const path = proxies[0].basePaths[0] ?? "/";
  return [
    h("h2", { text: "Waiting for a request" }),
    h("p", { text: "Everything is ready. Send one, and it shows here at once:" }),
    copyable(`curl -i ${address}${path.replaceAll("*", "x")}`),
    h("p", { class: "quiet", text: "Requests are recorded only while this page is open." }),
  ];
}
