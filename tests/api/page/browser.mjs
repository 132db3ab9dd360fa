// As much of a browser as the pages need: the elements of a page, storage, and a server that answers when a test says so.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { dirname, join } from "node:path";

export const WEB = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "api", "web");

registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith("/pages/")) return next(specifier, context);
    return { url: pathToFileURL(join(WEB, specifier.slice("/pages/".length))).href, format: "module", shortCircuit: true };
  },
});

class Element {
  constructor(tag) {
    Object.assign(this, { tag, nodes: [], attributes: {}, dataset: {}, listeners: {}, parent: null, hidden: false, value: "" });
  }
  get childNodes() { return this.nodes; }
  get textContent() { return this.nodes.map((one) => (one instanceof Element ? one.textContent : one)).join(" "); }
  set textContent(text) { this.replaceChildren(...(text === "" ? [] : [String(text)])); }
  append(...given) {
    for (const one of given) {
      if (one instanceof Element) one.parent = this;
      this.nodes.push(one instanceof Element ? one : String(one));
    }
  }
  replaceChildren(...given) {
    for (const one of this.nodes) if (one instanceof Element) one.parent = null;
    this.nodes = [];
    this.append(...given);
  }
  replaceWith(other) {
    if (!this.parent) return;
    const nodes = this.parent.nodes;
    nodes[nodes.indexOf(this)] = other;
    other.parent = this.parent;
    this.parent = null;
  }
  setAttribute(name, text) { this.attributes[name] = String(text); }
  addEventListener(kind, heard) { (this.listeners[kind] ||= []).push(heard); }
  fire(kind) { return Promise.all((this.listeners[kind] || []).map((heard) => heard({}))); }
  all(fits) { return this.nodes.flatMap((one) => (one instanceof Element ? [...(fits(one) ? [one] : []), ...one.all(fits)] : [])); }
  button(text) { return this.all((one) => one.tag === "button" && one.textContent.includes(text))[0]; }
  get alerts() { return this.all((one) => one.attributes.role === "alert").map((one) => one.textContent); }
}

const kept = () => {
  const store = new Map();
  return { getItem: (name) => (store.has(name) ? store.get(name) : null), setItem: (name, text) => store.set(name, String(text)) };
};

// Open a page. `answers(path, request)` gives what the server says: {status, body}, or a promise of it, or throws.
export async function open(page, answers, { language = "en" } = {}) {
  const html = readFileSync(join(WEB, page), "utf8");
  const byId = new Map([...html.matchAll(/<(\w+)[^>]*\bid="([\w-]+)"/g)].map(([, tag, id]) => [id, new Element(tag)]));
  const languages = ["fi", "sv", "en"].map((one) => Object.assign(new Element("button"), { dataset: { language: one } }));
  const late = new AbortController();
  globalThis.localStorage = kept();
  globalThis.sessionStorage = kept();
  localStorage.setItem("language", language);
  globalThis.document = {
    documentElement: {},
    getElementById: (id) => byId.get(id) || null,
    createElement: (tag) => new Element(tag),
    createElementNS: (_, tag) => new Element(tag),
    querySelectorAll: (wanted) => (wanted === "[data-language]" ? languages : []),
  };
  AbortSignal.timeout = () => late.signal;
  globalThis.fetch = async (path, request) => {
    const said = await Promise.race([
      answers(path, request),
      new Promise((_, fail) => late.signal.addEventListener("abort", () => fail(new Error("late")))),
    ]);
    const text = typeof said.body === "string" ? said.body : JSON.stringify(said.body);
    return { ok: said.status < 300, status: said.status, headers: new Headers(), text: async () => text };
  };
  const script = html.match(/src="\/pages\/(\w+\.js)"/)[1];
  await import(`${pathToFileURL(join(WEB, script)).href}?${Math.random()}`);
  const at = (id) => byId.get(id);
  return { at, late: () => late.abort(), speak: (one) => languages.find((b) => b.dataset.language === one).fire("click") };
}

// Everything that can go on without an answer has gone on.
export async function rest() {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((done) => setImmediate(done));
}

// An answer that comes when a test says so.
export function later() {
  const held = {};
  held.promise = new Promise((come, fail) => Object.assign(held, { come, fail }));
  return held;
}
