// Every route out of openapi.json, with a form to try it as the person chosen on the first page.
import { call, label, make, meant, problem, speak, turns, word } from "/pages/words.js";

const token = () => sessionStorage.getItem("token") || "";

// What the browser and this page say of themselves is not asked for.
const OWN = ["Accept-Language", "If-None-Match", "X-Request-Id"];
let described = {};

function example(given) {
  const schema = meant(described, given);
  if (!schema) return null;
  if (schema.anyOf) return example(schema.anyOf.find((one) => one.type !== "null"));
  if (schema.enum) return schema.enum[0];
  const type = [schema.type].flat()[0];
  if (type === "object" || schema.properties) {
    const wanted = schema.required || Object.keys(schema.properties || {});
    return Object.fromEntries(wanted.map((name) => [name, example((schema.properties || {})[name])]));
  }
  if (type === "array") return [example(schema.items || (schema.prefixItems || [])[0])];
  return { boolean: true, integer: 1, number: 1 }[type] ?? (schema.format === "date" ? "2025-03-03" : "…");
}

function form(method, path, operation) {
  const given = Object.fromEntries(["ledger", "recipient", "client"].map((name) => [name, sessionStorage.getItem(name) || ""]));
  const asked = (operation.parameters || []).map((one) => meant(described, one)).filter((one) => !OWN.includes(one.name));
  const fields = asked.map((one) => {
    const ready = one.name === "Idempotency-Key" ? crypto.randomUUID() : one.in === "path" ? given[one.name] || "" : "";
    const input = make("input", { name: one.name, value: ready });
    return { one, input, row: make("label", {}, `${one.name} `, input, " ") };
  });
  const json = ((operation.requestBody || {}).content || {})["application/json"];
  const body = json ? make("textarea", { "aria-label": word("body") }) : null;
  if (body) body.value = JSON.stringify(json.example ?? Object.values(json.examples || {})[0]?.value ?? example(json.schema), null, 2);
  const output = make("pre", { tabindex: "0" });
  const failed = make("div", {});
  const begin = turns();
  const send = async () => {
    const signal = begin("send");
    output.textContent = "";
    failed.replaceChildren(make("p", {}, word("loading")));
    let target = path;
    const query = new URLSearchParams();
    const headers = {};
    for (const { one, input } of fields) {
      if (one.in === "path") target = target.replace(`{${one.name}}`, encodeURIComponent(input.value));
      else if (input.value && one.in === "query") query.set(one.name, input.value);
      else if (input.value && one.in === "header") headers[one.name] = input.value;
    }
    if ([...query].length) target += `?${query}`;
    const answer = await call(target, { token: token(), method: method.toUpperCase(), body: body ? body.value : undefined, headers, signal });
    if (signal.aborted) return;
    failed.replaceChildren(...(answer.ok ? [] : [problem(answer)]));
    if (answer.failed) return;
    const named = ["etag", "kuty-token"].map((name) => answer.headers.get(name) && `${name}: ${answer.headers.get(name)}`).filter(Boolean);
    output.textContent = [`${answer.status}`, ...named, JSON.stringify(answer.content, null, 2)].join("\n");
  };
  const button = make("button", { type: "button", onclick: send }, word("send"));
  return make("div", {}, make("div", { class: "dates" }, ...fields.map((one) => one.row)), body, make("p", {}, button), failed, output);
}

function route(method, path, operation) {
  const inside = make("div", {});
  const details = make("details", {}, make("summary", {}, make("b", {}, method.toUpperCase()), make("code", {}, path), ` ${operation.summary || ""}`), inside);
  details.addEventListener("toggle", () => {
    if (details.open && !inside.childNodes.length) inside.append(make("p", {}, operation.description || ""), form(method, path, operation));
  });
  return details;
}

async function start() {
  speak();
  document.querySelectorAll("[data-language]").forEach((node) => node.addEventListener("click", () => {
    localStorage.setItem("language", node.dataset.language);
    location.reload();
  }));
  const [api, documents] = await Promise.all([call("/openapi.json"), call("/asyncapi")]);
  if (documents.ok) document.getElementById("documents").append(...documents.content.documents.map((one) =>
    make("li", {}, make("a", { href: one.address }, label(one.label)), " ", make("code", {}, one.address))));
  else document.getElementById("documents").append(make("li", {}, problem(documents)));
  const root = document.getElementById("routes");
  if (!api.ok) return root.append(problem(api));
  described = api.content;
  if (!token()) root.append(make("p", { class: "problem" }, word("token_needed")));
  const groups = new Map();
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = (operation.tags || ["…"])[0];
      if (tag === "documents") continue; // linked to above
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(route(method, path, operation));
    }
  }
  for (const [tag, routes] of groups) root.append(make("section", {}, make("h2", {}, tag), ...routes));
}

start();
