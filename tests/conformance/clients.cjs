// Runs npm's clients of the management API in one process, as starting node takes most of a short call's time.
//
//   node clients.cjs NODE_MODULES
//
// A line of stdin is a call, a line of stdout its outcome: {"result": …} or {"error": text}.
//   {"apigeetool": ["deployproxy", "-n", …]}               what its command line would do, with the same parser
//   {"edge": ["targetservers.create", {options}, …]}       a method of the organization that apigee-edge-js connected to
//   {"connect": {options}}                                  connects apigee-edge-js
const path = require("path");
const readline = require("readline");

const modules = process.argv[2];
const tool = (name) => require(path.join(modules, "apigeetool/lib", name));
let organization;

function apigeetool([name, ...args]) {
  const command = tool("commands/commands.js").getCommand(name);
  if (!command) throw new Error(`apigeetool has no command ${name}`);
  const module = command.load();
  const options = tool("options.js");
  return new Promise((resolve, reject) => {
    const ended = (then) => (error, result) => (error ? reject(error) : then(result));
    const given = options.getopts(args, 0, module.descriptor);
    options.validate(given, module.descriptor, ended(() => module.run(given, ended(resolve))));
  });
}

function edge([method, ...args]) {
  const names = method.split(".");
  const last = names.pop();
  const owner = names.reduce((object, name) => object[name], organization);
  return owner[last](...args);
}

async function connect(options) {
  organization = await require(path.join(modules, "apigee-edge-js")).apigee.connect(options);
  return null;
}

function textOf(error) {
  const told = error && error.result ? ` ${JSON.stringify(error.result)}` : "";
  return (error instanceof Error ? error.message : JSON.stringify(error)) + told;
}

async function main() {
  // what clients print themselves is none of ours
  console.log = (...said) => console.error(...said);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const call = JSON.parse(line);
    let outcome;
    try {
      const run = call.apigeetool ? apigeetool(call.apigeetool) : call.edge ? edge(call.edge) : connect(call.connect);
      outcome = { result: (await run) ?? null };
    } catch (error) {
      outcome = { error: textOf(error) };
    }
    process.stdout.write(JSON.stringify(outcome) + "\n");
  }
}

main();
