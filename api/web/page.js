// The first page: be somebody, see one client, ask. It reads the API as any other client does.
import { STATES, call, label, language, make, problem, speak, word } from "/pages/words.js";

const at = { people: [], person: null, token: "", ledger: "", clients: [], client: "", today: "", questions: [] };
const byId = (id) => document.getElementById(id);
const base = () => `/ledgers/${at.ledger}`;
const get = (path) => call(path, { token: at.token });

async function start() {
  speak();
  document.querySelectorAll("[data-language]").forEach((node) => node.addEventListener("click", () => {
    localStorage.setItem("language", node.dataset.language);
    speak();
    listPeople();
    show();
  }));
  const [people, described] = await Promise.all([call("/dev/people"), call("/openapi.json")]);
  at.people = people.ok ? people.content.people : [];
  at.questions = Object.entries(described.content.paths || {}).flatMap(([path, methods]) =>
    methods.get && methods.get["x-title"]
      ? [{ path, tasks: methods.get.tags.at(-1).replace("questions of ", "").split(", "), operation: methods.get }] : []);
  byId("who").addEventListener("change", () => be(at.people[Number(byId("who").value)]));
  listPeople();
  const kept = at.people.findIndex((one) => JSON.stringify(one.claims) === localStorage.getItem("person"));
  if (at.people.length) await be(at.people[Math.max(kept, 0)]);
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
  at.person = person;
  at.ledger = person.claims.ledger;
  at.client = "";
  localStorage.setItem("person", JSON.stringify(person.claims));
  const answer = await call("/dev/tokens", { method: "POST", body: JSON.stringify(person.claims) });
  at.token = answer.content.token || "";
  sessionStorage.setItem("token", at.token);
  sessionStorage.setItem("ledger", at.ledger);
  sessionStorage.setItem("recipient", person.recipient);
  listPeople();
  const [health, clients] = await Promise.all([get(`${base()}/health`), get(`/dev${base()}/clients`)]);
  if (health.ok) {
    at.today = new Date(health.content.now).toLocaleDateString("sv-SE", { timeZone: "Europe/Helsinki" });
    at.mode = health.content.ledger.mode;
  }
  at.clients = clients.ok ? clients.content.clients : [];
  at.client = at.clients.length ? at.clients[0].client : "";
  byId("on").value = at.today;
  await show();
}

async function show() {
  if (!at.person) return;
  sessionStorage.setItem("client", at.client);
  const badge = byId("ledger");
  badge.hidden = false;
  badge.textContent = `${at.ledger} · ${word(at.mode)} · ${at.today}`;
  byId("whom-section").hidden = false;
  byId("whom-hint").textContent = word(at.clients.length ? "whom_hint" : "nobody");
  byId("clients").replaceChildren(...at.clients.map((one) => make("button", {
    type: "button", "aria-pressed": String(one.client === at.client), onclick: () => { at.client = one.client; show(); },
  }, name(one))));
  listQuestions();
  const { task, role } = at.person.claims;
  const view = byId("view");
  const parts = [];
  if (task === "organiser" && at.client) {
    if (["own_worker", "social_worker", "team_lead"].includes(role)) parts.push(casePart());
    if (["own_worker", "social_worker", "auditor"].includes(role)) parts.push(historyPart(), toldPart());
  }
  if (task === "provider") parts.push(weekPart(at.today));
  if (task === "employment_authority") parts.push(customersPart());
  view.replaceChildren(...(await Promise.all(parts)).filter(Boolean));
}

const name = (one) => [one.given_names, one.family_name].filter(Boolean).join(" ") || `${one.client.slice(0, 8)}…`;
const roleName = (role) => ((at.people.find((one) => one.claims.role === role) || {}).role || {})[language()] || role;
const part = (title, ...children) => make("section", {}, make("h2", {}, title), ...children);
const pair = (title, value) => make("div", {}, make("dt", {}, word(title)), make("dd", {}, value || "–"));

async function casePart() {
  const answer = await get(`${base()}/recipients/${at.person.recipient}/clients/${at.client}/case`);
  if (!answer.ok) return answer.status === 404 ? null : part(word("case"), problem(answer));
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

async function historyPart() {
  const answer = await get(`${base()}/clients/${at.client}/history?order=occurrence`);
  if (!answer.ok) return part(word("history"), problem(answer));
  const lines = answer.content.facts.map((fact) => make("li", {},
    make("time", { datetime: fact.day }, fact.day), label(fact.label), " ",
    make("small", {}, `${word("recorded_by")} ${roleName(fact.actor_role)} ${fact.actor_person === "system" ? "" : fact.actor_person}`)));
  return part(word("history"), make("ol", { class: "timeline", tabindex: "0" }, ...lines));
}

async function toldPart() {
  const answer = await get(`${base()}/clients/${at.client}/told`);
  if (!answer.ok) return part(word("told"), problem(answer));
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

async function weekPart(on) {
  const answer = await get(`${base()}/recipients/${at.person.recipient}/expected?on=${on}`);
  if (!answer.ok) return part(word("week"), problem(answer));
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
  const move = (by) => async () => {
    const day = new Date(`${on}T12:00:00Z`);
    day.setUTCDate(day.getUTCDate() + by);
    section.replaceWith(await weekPart(day.toISOString().slice(0, 10)));
  };
  const head = make("tr", {}, make("th", { scope: "col" }, word("client")), ...days.map((day) => make("th", { scope: "col" }, day.on)));
  const rows = [...clients].map(([client, called]) => make("tr", {}, make("th", { scope: "row" }, called || client.slice(0, 8)), ...days.map((day) => cell(day, client))));
  const section = part(word("week"), make("div", { class: "chips" },
    make("button", { type: "button", onclick: move(-7) }, word("earlier")), make("button", { type: "button", onclick: move(7) }, word("later"))),
    make("div", { class: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))));
  return section;
}

async function customersPart() {
  const answer = await get(`${base()}/recipients/${at.person.recipient}/customers`);
  if (!answer.ok) return part(word("in_service"), problem(answer));
  const head = ["client", "since", "until", "worker"].map((one) => make("th", { scope: "col" }, word(one)));
  const rows = answer.content.answer.customers.map((one) => make("tr", {}, make("th", { scope: "row" }, one.client_name || one.client.slice(0, 8)),
    make("td", {}, one.since_on), make("td", {}, one.until_on), make("td", {}, one.own_worker_name || "–")));
  return part(word("in_service"), make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

function listQuestions() {
  const mine = at.questions.filter((one) => one.tasks.includes(at.person.claims.task) && (at.client || !one.path.includes("{client}")));
  byId("ask-section").hidden = mine.length === 0;
  byId("questions").replaceChildren(...mine.map((one) => make("button", { type: "button", onclick: () => ask(one) },
    `${one.operation.operationId.split("_")[0]} · ${one.operation["x-title"][language()]}`)));
}

async function ask(question) {
  const wanted = new Set((question.operation.parameters || []).map((one) => one.name));
  const query = new URLSearchParams();
  if (wanted.has("on") && byId("on").value) query.set("on", byId("on").value);
  if (wanted.has("known_at") && byId("known-at").value) query.set("known_at", byId("known-at").value);
  const month = at.today.slice(0, 8);
  const given = { period_from_on: `${month}01`, period_until_on: at.today, from_on: `${month}01`, until_on: at.today, since: `${month}01` };
  for (const one of question.operation.parameters || []) {
    if (one.required && one.in === "query" && given[one.name]) query.set(one.name, given[one.name]);
  }
  // A question to one's own model names oneself; one about what another was told names the first of the others.
  const other = at.people.find((one) => one.claims.ledger === at.ledger && one.recipient !== at.person.recipient);
  let path = question.path.replace("{ledger}", at.ledger).replace("/recipients/{recipient}", `/recipients/${at.person.recipient}`)
    .replace("{recipient}", other ? other.recipient : at.person.recipient).replace("{client}", at.client);
  if (wanted.has("client") && !question.path.includes("{client}")) query.set("client", at.client);
  if ([...query].length) path += `?${query}`;
  const answer = await get(path);
  byId("request").textContent = `GET ${path}`;
  byId("answer").textContent = JSON.stringify(answer.content, null, 2);
}

start();
