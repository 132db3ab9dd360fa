// The first page: be somebody, see one client, ask. It reads the API as any other client does.
import { STATES, UNREADABLE, call, label, language, make, meant, problem as failure, speak, turns, word } from "/pages/words.js";

const at = { people: [], person: null, token: "", ledger: "", mode: "", clients: [], client: "", today: "", questions: [] };
const byId = (id) => document.getElementById(id);
const base = () => `/ledgers/${at.ledger}`;
const get = (path, signal) => call(path, { token: at.token, signal });
// What is shown of a person hangs on that person, what is shown of a client on that client.
const begin = turns({ start: ["person", "view", "week", "answer"], person: ["view", "week", "answer"], view: ["week"] });
// Asking again with a token that is no longer taken would be refused again: then it begins with a new one.
const problem = (answer, again) => failure(answer, answer.status === 401 && at.person ? () => be(at.person) : again);
const told = new Map(); // what is said where, so that it can be said again in another language

async function start() {
  const signal = begin("start");
  tell("notice", loading);
  const [people, described] = await Promise.all([call("/dev/people", { signal }), call("/openapi.json", { signal })]);
  if (signal.aborted) return;
  if (people.ok && !Array.isArray(people.content.people)) return tell("notice", () => problem(UNREADABLE, start));
  at.people = people.ok ? people.content.people : [];
  at.questions = Object.entries(described.content.paths || {}).flatMap(([path, methods]) =>
    methods.get && methods.get["x-title"]
      ? [{ path, tasks: methods.get["x-tasks"], operation: methods.get, parameters: (methods.get.parameters || []).map((one) => meant(described.content, one)) }] : []);
  listPeople();
  const failed = [people, described].find((one) => !one.ok && one.status !== 404);
  if (failed) return tell("notice", () => problem(failed, start));
  if (!at.people.length) return tell("notice", () => make("p", {}, word("nobody_to_be")));
  const kept = at.people.findIndex((one) => JSON.stringify(one.claims) === localStorage.getItem("person"));
  await be(at.people[Math.max(kept, 0)]);
}

const loading = () => make("p", {}, word("loading"));

function tell(id, what) {
  told.set(id, what);
  byId(id).replaceChildren(...(what ? [what()] : []));
}

// Nothing that was shown to one person, or about one client, stands there for the next.
function clear() {
  byId("view").replaceChildren();
  clearAnswer();
}

function clearAnswer() {
  begin("answer");
  byId("request").textContent = byId("answer").textContent = "";
  tell("refused", null);
}

function listPeople() {
  const groups = new Map();
  at.people.forEach((one, number) => {
    const name = `${one.organisation} · ${one.recipient} · ${one.claims.ledger}`;
    if (!groups.has(name)) groups.set(name, make("optgroup", { label: name }));
    const chosen = one === at.person ? "" : undefined;
    groups.get(name).append(make("option", { value: number, selected: chosen }, one.role[language()]));
  });
  byId("who").replaceChildren(...groups.values());
}

async function be(person) {
  const signal = begin("person");
  Object.assign(at, { person, ledger: person.claims.ledger, token: "", clients: [], client: "" });
  clear();
  byId("whom-section").hidden = byId("ask-section").hidden = byId("ledger").hidden = true;
  localStorage.setItem("person", JSON.stringify(person.claims));
  sessionStorage.setItem("token", "");
  sessionStorage.setItem("client", "");
  sessionStorage.setItem("ledger", at.ledger);
  sessionStorage.setItem("recipient", person.recipient);
  listPeople();
  tell("notice", loading);
  const again = () => be(person);
  const signed = await call("/dev/tokens", { method: "POST", body: JSON.stringify(person.claims), signal });
  if (signal.aborted) return;
  if (!signed.ok) return tell("notice", () => problem(signed, again));
  at.token = signed.content.token;
  sessionStorage.setItem("token", at.token);
  const [health, clients] = await Promise.all([get(`${base()}/health`, signal), get(`/dev${base()}/clients`, signal)]);
  if (signal.aborted) return;
  const whole = health.content.now && health.content.ledger && Array.isArray(clients.content.clients);
  const failed = [health, clients].find((one) => !one.ok) || (whole ? null : UNREADABLE);
  if (failed) return tell("notice", () => problem(failed, again));
  tell("notice", null);
  at.today = new Date(health.content.now).toLocaleDateString("sv-SE", { timeZone: "Europe/Helsinki" });
  at.mode = health.content.ledger.mode;
  at.clients = clients.content.clients;
  at.client = at.clients.length ? at.clients[0].client : "";
  byId("on").value = at.today;
  await show();
}

function choose(client) {
  at.client = client;
  clear();
  return show();
}

async function show() {
  const signal = begin("view");
  sessionStorage.setItem("client", at.client);
  const badge = byId("ledger");
  badge.hidden = false;
  badge.textContent = `${at.ledger} · ${word(at.mode)} · ${at.today}`;
  byId("whom-section").hidden = false;
  byId("whom-hint").textContent = word(at.clients.length ? "whom_hint" : "nobody");
  byId("clients").replaceChildren(...at.clients.map((one) => make("button", {
    type: "button", "aria-pressed": String(one.client === at.client), onclick: () => choose(one.client),
  }, name(one))));
  listQuestions();
  const { task, role } = at.person.claims;
  const parts = [];
  byId("view").replaceChildren(loading());
  if (task === "organiser" && at.client) {
    if (["own_worker", "social_worker", "team_lead"].includes(role)) parts.push(casePart(signal));
    if (["own_worker", "social_worker", "auditor"].includes(role)) parts.push(historyPart(signal), toldPart(signal));
  }
  if (task === "provider") parts.push(weekPart(at.today, signal));
  if (task === "employment_authority") parts.push(customersPart(signal));
  const shown = await Promise.all(parts).catch(() => [problem(UNREADABLE, show)]);
  if (!signal.aborted) byId("view").replaceChildren(...shown.filter(Boolean));
}

const name = (one) => [one.given_names, one.family_name].filter(Boolean).join(" ") || `${one.client.slice(0, 8)}…`;
const roleName = (role) => ((at.people.find((one) => one.claims.role === role) || {}).role || {})[language()] || role;
const part = (title, ...children) => make("section", {}, make("h2", {}, title), ...children);
const pair = (title, value) => make("div", {}, make("dt", {}, word(title)), make("dd", {}, value || "–"));

async function casePart(signal) {
  const answer = await get(`${base()}/recipients/${at.person.recipient}/clients/${at.client}/case`, signal);
  if (!answer.ok) return answer.status === 404 && !answer.failed ? null : part(word("case"), problem(answer, show));
  const it = answer.content.answer;
  const period = it.period ? `${it.period.starts_on} – ${it.period.planned_end_on}, ${it.period.hours_per_week} h` : "";
  const due = it.obligations.map((one) => make("li", one.overdue ? { class: "overdue" } : {},
    `${label(one.what)}${one.due_on ? `, ${word("by")} ${one.due_on}` : ""}${one.overdue ? ` (${word("overdue")})` : ""}`));
  return part(`${word("case")}: ${it.client_name || ""}`, picture(it.state),
    make("dl", { class: "grid" }, pair("state", STATES[language()][it.state] || it.state), pair("since", it.opened_on),
      pair("worker", it.own_worker_name || it.own_worker_id), pair("benefit", label(it.benefit)), pair("period", period)),
    make("h3", {}, word("next")), due.length ? make("ul", {}, ...due) : make("p", {}, word("nothing_due")));
}

function picture(state) {
  const states = ["referred", "assessing", "planning", "placing", "active", "between_periods", "closed"];
  const svg = make("svg", { svg: 1, viewBox: "0 0 1000 90", class: "process", role: "img", "aria-label": `${word("process")}: ${STATES[language()][state] || state}` });
  states.forEach((one, n) => {
    const x = n * 144 + 2;
    const words = STATES[language()][one];
    if (n) svg.append(make("path", { svg: 1, d: `M${x - 14} 45 h10 m-4 -4 l4 4 l-4 4` }));
    svg.append(make("g", { svg: 1, class: one === state ? "now" : "later" },
      make("rect", { svg: 1, x, y: 22, width: 126, height: 46, rx: 10 }),
      make("text", { svg: 1, x: x + 63, y: 50, ...(words.length > 16 ? { textLength: 112, lengthAdjust: "spacingAndGlyphs" } : {}) }, words)));
  });
  return svg;
}

async function historyPart(signal) {
  const answer = await get(`${base()}/clients/${at.client}/history?order=occurrence`, signal);
  if (!answer.ok) return part(word("history"), problem(answer, show));
  const lines = answer.content.facts.map((fact) => make("li", {},
    make("time", { datetime: fact.day }, fact.day), label(fact.label), " ",
    make("small", {}, `${word("recorded_by")} ${roleName(fact.actor_role)} ${fact.actor_person === "system" ? "" : fact.actor_person}`)));
  return part(word("history"), make("ol", { class: "timeline", tabindex: "0" }, ...lines));
}

async function toldPart(signal) {
  const answer = await get(`${base()}/clients/${at.client}/told`, signal);
  if (!answer.ok) return part(word("told"), problem(answer, show));
  const recipients = [...new Set(answer.content.tellings.map((one) => one.recipient))].sort();
  const rows = new Map();
  for (const one of answer.content.tellings) {
    if (!one.fact_name) continue;
    const key = label(one.fact_label);
    if (!rows.has(key)) rows.set(key, {});
    const cell = rows.get(key)[one.recipient] ||= { times: 0, bases: new Set() };
    cell.times += 1;
    cell.bases.add(`${one.legal_basis.code}: ${label(one.legal_basis)}`);
  }
  const head = make("tr", {}, make("th", { scope: "col" }, word("fact")), ...recipients.map((one) => make("th", { scope: "col" }, one)));
  const body = [...rows].map(([fact, cells]) => make("tr", {}, make("th", { scope: "row" }, fact),
    ...recipients.map((one) => make("td", { class: "mark" }, cells[one]
      ? make("span", { class: "dot", title: [...cells[one].bases].join("\n") }, String(cells[one].times)) : ""))));
  return part(word("told"), make("div", { class: "scroll" },
    make("table", {}, make("caption", {}, word("told_hint")), make("thead", {}, head), make("tbody", {}, ...body))));
}

async function weekPart(on, signal) {
  const answer = await get(`${base()}/recipients/${at.person.recipient}/expected?on=${on}`, signal);
  if (!answer.ok) {
    const failed = part(word("week"), problem(answer, () => turnTo(on, failed)));
    return failed;
  }
  const days = answer.content.answer.week;
  const clients = new Map();
  days.forEach((day) => day.expected.forEach((one) => clients.set(one.client, one.client_name)));
  const cell = (day, client) => {
    const one = day.expected.find((expected) => expected.client === client);
    if (!one) return make("td", {}, "");
    const code = one.day_status && one.day_status.code;
    const kind = code === "present" ? "present" : code ? "absent" : "missing";
    const said = code ? label(one.day_status) : day.on <= at.today ? word("missing") : "…";
    const time = one.start_time ? `${one.start_time}, ${one.hours} h` : `${one.hours} h`;
    return make("td", {}, make("span", { class: `status ${kind}` }, said), make("small", {}, time));
  };
  const move = (by) => () => {
    const day = new Date(`${on}T12:00:00Z`);
    day.setUTCDate(day.getUTCDate() + by);
    return turnTo(day.toISOString().slice(0, 10), section);
  };
  const head = make("tr", {}, make("th", { scope: "col" }, word("client")), ...days.map((day) => make("th", { scope: "col" }, day.on)));
  const rows = [...clients].map(([client, called]) => make("tr", {}, make("th", { scope: "row" }, called || client.slice(0, 8)), ...days.map((day) => cell(day, client))));
  const section = part(word("week"), make("div", { class: "chips" },
    make("button", { type: "button", onclick: move(-7) }, word("earlier")), make("button", { type: "button", onclick: move(7) }, word("later"))),
    make("div", { class: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))));
  return section;
}

async function turnTo(on, section) {
  const signal = begin("week");
  const week = await weekPart(on, signal);
  if (!signal.aborted) section.replaceWith(week);
}

async function customersPart(signal) {
  const answer = await get(`${base()}/recipients/${at.person.recipient}/customers`, signal);
  if (!answer.ok) return part(word("in_service"), problem(answer, show));
  const head = ["client", "since", "until", "worker"].map((one) => make("th", { scope: "col" }, word(one)));
  const rows = answer.content.answer.customers.map((one) => make("tr", {}, make("th", { scope: "row" }, one.client_name || one.client.slice(0, 8)),
    make("td", {}, one.since_on), make("td", {}, one.until_on), make("td", {}, one.own_worker_name || "–")));
  return part(word("in_service"), make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

function listQuestions() {
  const mine = at.questions.filter((one) => one.tasks.includes(at.person.claims.task) && (at.client || !one.path.includes("{client}")));
  byId("ask-section").hidden = mine.length === 0;
  byId("questions").replaceChildren(...mine.map((one) => make("button", { type: "button", onclick: () => ask(one) },
    `${one.operation.operationId.split("_")[0].toUpperCase()} · ${one.operation["x-title"][language()]}`)));
}

async function ask(question) {
  clearAnswer();
  const signal = begin("answer");
  const wanted = new Set(question.parameters.map((one) => one.name));
  const query = new URLSearchParams();
  if (wanted.has("on") && byId("on").value) query.set("on", byId("on").value);
  if (wanted.has("known_at") && byId("known-at").value) query.set("known_at", byId("known-at").value);
  const month = at.today.slice(0, 8);
  const given = { period_from_on: `${month}01`, period_until_on: at.today, from_on: `${month}01`, until_on: at.today, since: `${month}01` };
  for (const one of question.parameters) {
    if (one.required && one.in === "query" && given[one.name]) query.set(one.name, given[one.name]);
  }
  // A question to one's own model names oneself; one about what another was told names the first of the others.
  const other = at.people.find((one) => one.claims.ledger === at.ledger && one.recipient !== at.person.recipient);
  let path = question.path.replace("{ledger}", at.ledger).replace("/recipients/{recipient}", `/recipients/${at.person.recipient}`)
    .replace("{recipient}", other ? other.recipient : at.person.recipient).replace("{client}", at.client);
  if (wanted.has("client") && !question.path.includes("{client}")) query.set("client", at.client);
  if ([...query].length) path += `?${query}`;
  byId("request").textContent = `GET ${path}`;
  tell("refused", loading);
  const answer = await get(path, signal);
  if (signal.aborted) return;
  tell("refused", answer.ok ? null : () => problem(answer, () => ask(question)));
  byId("answer").textContent = answer.failed ? "" : JSON.stringify(answer.content, null, 2);
}

speak();
document.querySelectorAll("[data-language]").forEach((node) => node.addEventListener("click", () => {
  localStorage.setItem("language", node.dataset.language);
  speak();
  listPeople();
  told.forEach((what, id) => tell(id, what));
  if (!byId("whom-section").hidden) show();
}));
byId("who").addEventListener("change", () => be(at.people[Number(byId("who").value)]));
start();
