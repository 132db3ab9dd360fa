// The first page: whose answer stands there, and what is said when none comes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WORDS } from "/pages/words.js";
import { later, open, rest } from "./browser.mjs";

const person = (role, task, recipient) => ({
  organisation: "Org", recipient, role: { fi: role, sv: role, en: role }, claims: { ledger: "demo", org: "o", task, role, person: "p" },
});
const PEOPLE = [person("own_worker", "organiser", "county"), person("instructor", "provider", "site"), person("expert", "employment_authority", "authority")];
const coded = (text) => ({ code: text, fi: text, sv: text, en: text });
const question = (id, task) => ({ operationId: `${id.toLowerCase()}_x`, tags: ["questions"], "x-tasks": task.split(", "), "x-title": { fi: id, sv: id, en: id }, parameters: [] });
const PATHS = {
  "/ledgers/{ledger}/recipients/{recipient}/clients/{client}/q": { get: question("Q1", "organiser") },
  "/ledgers/{ledger}/recipients/{recipient}/q": { get: question("Q2", "provider, employment_authority") },
};
const clientOf = (path) => path.match(/clients\/([ab])/)?.[1];

// What the server says to everything; a test puts something else in the place of some of it.
const ROUTES = {
  people: [/^\/dev\/people/, () => ({ people: PEOPLE })],
  openapi: [/^\/openapi/, () => ({ paths: PATHS })],
  tokens: [/^\/dev\/tokens/, (_, request) => ({ token: `token-${JSON.parse(request.body).role}` })],
  clients: [/^\/dev\/ledgers/, () => ({ clients: [{ client: "a", family_name: "A" }, { client: "b", family_name: "B" }] })],
  health: [/health$/, () => ({ now: "2025-03-03T08:00:00Z", ledger: { mode: "simulated" } })],
  case: [/\/case$/, (path) => ({ answer: { client_name: `case of ${clientOf(path)}`, state: "active", obligations: [], benefit: coded("b") } })],
  history: [/\/history/, (path) => ({ facts: [{ day: "2025-03-03", label: coded(`history of ${clientOf(path)}`), actor_role: "x", actor_person: "system" }] })],
  told: [/\/told$/, (path) => ({ tellings: [{ recipient: "kela", fact_name: "f", fact_label: coded(`told of ${clientOf(path)}`), legal_basis: coded("LB") }] })],
  expected: [/\/expected/, (path) => ({ answer: { week: [{ on: path.match(/on=(.*)/)[1], expected: [{ client: "a", client_name: "A", hours: 4 }] }] } })],
  customers: [/\/customers$/, () => ({ answer: { customers: [{ client: "a", client_name: "customer A", since_on: "2025-01-01" }] } })],
  question: [/\/q$/, (path) => ({ answer: `answer of ${clientOf(path) || "all"}` })],
};
const server = (instead = {}) => (path, request) => {
  const [name, [, say]] = Object.entries(ROUTES).find(([, [fits]]) => fits.test(path));
  const other = instead[name] && instead[name](path, request);
  return other || { status: 200, body: say(path, request) };
};
const choose = async (page, number) => {
  page.at("who").value = String(number);
  page.at("who").fire("change");
};

test("everything is shown when all is well", async () => {
  const page = await open("index.html", server());
  await rest();
  for (const shown of ["case of a", "history of a", "told of a"]) assert.match(page.at("view").textContent, new RegExp(shown));
  page.at("questions").button("Q1").fire("click");
  await rest();
  assert.match(page.at("answer").textContent, /answer of a/);
  assert.deepEqual(["notice", "refused"].map((id) => page.at(id).textContent), ["", ""]);
});

for (const slow of ["case", "history", "told"]) {
  test(`a slower, earlier ${slow} does not stand under the next client's name`, async () => {
    const held = later();
    const page = await open("index.html", server({ [slow]: (path) => clientOf(path) === "a" && held.promise }));
    await rest();
    page.at("clients").button("B").fire("click");
    await rest();
    held.come({ status: 200, body: ROUTES[slow][1]("/clients/a/x") });
    await rest();
    assert.match(page.at("view").textContent, new RegExp(`${slow} of b`));
    assert.doesNotMatch(page.at("view").textContent, / of a/);
  });
}

test("a slower answer to a question does not stand under the next client's name", async () => {
  const held = later();
  const page = await open("index.html", server({ question: () => held.promise }));
  await rest();
  page.at("questions").button("Q1").fire("click");
  await rest();
  page.at("clients").button("B").fire("click");
  await rest();
  held.come({ status: 200, body: { answer: "answer of a" } });
  await rest();
  for (const id of ["answer", "request", "refused"]) assert.equal(page.at(id).textContent, "", id);
});

test("of two questions the newer one is answered, whichever answer comes last", async () => {
  const answers = [later(), later()];
  let asked = 0;
  const page = await open("index.html", server({ question: () => answers[asked++].promise }));
  await rest();
  page.at("questions").button("Q1").fire("click");
  page.at("questions").button("Q1").fire("click");
  await rest();
  answers[1].come({ status: 200, body: { answer: "newer" } });
  await rest();
  answers[0].come({ status: 200, body: { answer: "older" } });
  await rest();
  assert.match(page.at("answer").textContent, /newer/);
});

test("another client's answer is gone at once, before the next one's has come", async () => {
  const page = await open("index.html", server({ case: (path) => clientOf(path) === "b" && new Promise(() => {}) }));
  await rest();
  page.at("questions").button("Q1").fire("click");
  await rest();
  page.at("clients").button("B").fire("click");
  for (const id of ["answer", "request"]) assert.equal(page.at(id).textContent, "", id);
  assert.doesNotMatch(page.at("view").textContent, / of a/);
});

test("the last person's answers are gone at once on changing person", async () => {
  const page = await open("index.html", server({ tokens: (_, request) => request.body.includes("instructor") && new Promise(() => {}) }));
  await rest();
  page.at("questions").button("Q1").fire("click");
  await rest();
  choose(page, 1);
  for (const id of ["view", "answer", "request", "refused"]) assert.equal(page.at(id).textContent, "", id);
  for (const id of ["whom-section", "ask-section", "ledger"]) assert.equal(page.at(id).hidden, true, id);
  assert.deepEqual([sessionStorage.getItem("token"), sessionStorage.getItem("client")], ["", ""]);
  assert.match(page.at("notice").textContent, new RegExp(WORDS.en.loading));
});

for (const slow of ["tokens", "health", "clients"]) {
  test(`one who was chosen for a moment (${slow} slow) does not come back`, async () => {
    const held = later();
    let first = true;
    const mine = (path, request) => (slow === "tokens" ? request.body.includes("instructor") : first && request.headers.Authorization?.includes("instructor"));
    const page = await open("index.html", server({ [slow]: (path, request) => mine(path, request) && held.promise }));
    await rest();
    choose(page, 1);
    await rest();
    choose(page, 2);
    await rest();
    first = false;
    held.come({ status: 200, body: slow === "clients" ? { clients: [] } : { ...ROUTES[slow][1]("", { body: '{"role":"instructor"}' }) } });
    await rest();
    assert.equal(sessionStorage.getItem("token"), "token-expert");
    assert.equal(sessionStorage.getItem("recipient"), "authority");
    assert.match(page.at("view").textContent, /customer A/);
  });
}

test("of two turns of the week the newer one stands there", async () => {
  const weeks = new Map();
  const page = await open("index.html", server({ expected: (path) => {
    const on = path.match(/on=(.*)/)[1];
    if (on === "2025-03-03") return null;
    weeks.set(on, later());
    return weeks.get(on).promise;
  } }));
  await rest();
  choose(page, 1);
  await rest();
  page.at("view").button(WORDS.en.earlier).fire("click");
  page.at("view").button(WORDS.en.later).fire("click");
  await rest();
  for (const on of ["2025-03-10", "2025-02-24"]) {
    weeks.get(on).come({ status: 200, body: ROUTES.expected[1](`on=${on}`) });
    await rest();
  }
  assert.match(page.at("view").textContent, /2025-03-10/);
  assert.doesNotMatch(page.at("view").textContent, /2025-02-24/);
});

// --- what is said when no answer comes: every request, every way to fail, every language ---

const FAILURES = {
  unreachable: () => { throw new TypeError("Failed to fetch"); },
  unreadable: () => ({ status: 502, body: "<html>Bad gateway</html>" }),
  "unreadable although well": () => ({ status: 200, body: "" }),
  "unreadable in another way": () => ({ status: 200, body: "null" }),
  late: () => new Promise(() => {}),
  told: () => ({ status: 503, body: { codes: [{ code: "E_UNAVAILABLE", text: "Not now.", what_to_do: "Ask again." }] } }),
  bare: () => ({ status: 500, body: { detail: "x" } }),
};
const PERSON_OF = { expected: 1, customers: 2 };

for (const name of Object.keys(ROUTES)) {
  for (const [failure, fail] of Object.entries(FAILURES)) {
    for (const language of ["fi", "sv", "en"]) {
      test(`${name}, ${failure}, is said in ${language}, and can be asked again`, async () => {
        let broken = true;
        const page = await open("index.html", server({ [name]: () => broken && fail() }), { language });
        await rest();
        if (PERSON_OF[name]) await choose(page, PERSON_OF[name]);
        await rest();
        if (name === "question") page.at("questions").button("Q1").fire("click");
        await rest();
        if (failure === "late") page.late();
        await rest();
        const place = ["notice", "view", "refused"].find((id) => page.at(id).alerts.length);
        assert.ok(place, "nothing is said");
        const word = failure.split(" ")[0];
        const said = word === "told" ? ["E_UNAVAILABLE", "Not now.", "Ask again."]
          : [WORDS[language][word === "bare" ? "unreadable" : word], WORDS[language][`${word === "bare" ? "unreadable" : word}_advice`]];
        for (const text of [WORDS[language].problem, ...said]) assert.ok(page.at(place).alerts[0].includes(text), `${text} in ${page.at(place).alerts[0]}`);
        assert.ok(!page.at("notice").textContent.includes(WORDS[language].loading), "still waits");
        // and once the server is well again, asking again is enough
        broken = false;
        if (failure === "late") return; // the clock of this page has run out for good
        page.at(place).button(WORDS[language].again).fire("click");
        await rest();
        for (const id of ["notice", "view", "refused"]) assert.deepEqual(page.at(id).alerts, [], id);
      });
    }
  }
}

for (const [name, person] of [["people", 0], ["clients", 0], ["health", 0], ["case", 0], ["history", 0], ["told", 0], ["expected", 1], ["customers", 2]]) {
  test(`${name} that holds something else than was asked for is said, and can be asked again`, async () => {
    let broken = true;
    const page = await open("index.html", server({ [name]: () => broken && { status: 200, body: {} } }));
    await rest();
    if (person) await choose(page, person);
    await rest();
    const place = ["notice", "view"].find((id) => page.at(id).alerts.length);
    assert.ok(place, "nothing is said");
    assert.ok(page.at(place).alerts[0].includes(WORDS.en.unreadable));
    broken = false;
    page.at(place).button(WORDS.en.again).fire("click");
    await rest();
    for (const id of ["notice", "view"]) assert.deepEqual(page.at(id).alerts, [], id);
  });
}

test("a token that is no longer taken is got anew by asking again", async () => {
  let tokens = 0;
  const page = await open("index.html", server({
    tokens: () => ({ status: 200, body: { token: `token-${++tokens}` } }),
    question: (_, request) => request.headers.Authorization.includes("token-1")
      && { status: 401, body: { codes: [{ code: "E_UNAUTHENTICATED", text: "x", what_to_do: "y" }] } },
  }));
  await rest();
  page.at("questions").button("Q1").fire("click");
  await rest();
  page.at("refused").button(WORDS.en.again).fire("click");
  await rest();
  assert.deepEqual(page.at("refused").alerts, []);
  page.at("questions").button("Q1").fire("click");
  await rest();
  assert.match(page.at("answer").textContent, /answer of a/);
});

test("what went wrong is said in another language once that is chosen", async () => {
  const page = await open("index.html", server({ question: FAILURES.unreachable }));
  await rest();
  page.at("questions").button("Q1").fire("click");
  await rest();
  page.speak("fi");
  await rest();
  assert.ok(page.at("refused").alerts[0].includes(WORDS.fi.unreachable));
});

test("where nobody gives development tokens it is said", async () => {
  const gone = () => ({ status: 404, body: { codes: [{ code: "E_NOT_FOUND", text: "x", what_to_do: "y" }] } });
  const page = await open("index.html", server({ people: gone }), { language: "sv" });
  await rest();
  assert.equal(page.at("notice").textContent, WORDS.sv.nobody_to_be);
});

test("the page of the API follows references, begins with the example, and asks for no header that the browser writes", async () => {
  const described = {
    paths: {
      "/ledgers/{ledger}/in": { post: {
        tags: ["t"], summary: "s",
        parameters: [{ $ref: "#/components/parameters/Ledger" }, { $ref: "#/components/parameters/AcceptLanguage" }],
        requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Wish" } } } },
      } },
      "/x": { post: { tags: ["t"], summary: "s", requestBody: { content: { "application/json": { schema: {}, example: { day: "2025-03-10" } } } } } },
      "/asyncapi": { get: { tags: ["documents"], summary: "s" } },
    },
    components: {
      parameters: { Ledger: { name: "ledger", in: "path" }, AcceptLanguage: { name: "Accept-Language", in: "header" } },
      schemas: {
        Wish: { type: "object", required: ["on", "parts"], properties: { on: { type: ["string", "null"], format: "date" }, parts: { type: "array", items: { $ref: "#/components/schemas/Part" } } } },
        Part: { type: "object", properties: { hours: { type: "number" } } },
      },
    },
  };
  const page = await open("docs.html", (path) => ({ status: 200, body: path === "/openapi.json" ? described : { documents: [] } }));
  await rest();
  const all = page.at("routes").all((one) => one.tag === "details");
  assert.equal(all.length, 2);
  for (const details of all) {
    details.open = true;
    details.fire("toggle");
  }
  const [wish, x] = all.map((details) => JSON.parse(details.all((one) => one.tag === "textarea")[0].value));
  assert.deepEqual(wish, { on: "2025-03-03", parts: [{ hours: 1 }] });
  assert.deepEqual(x, { day: "2025-03-10" });
  assert.deepEqual(all[0].all((one) => one.tag === "input").map((one) => one.attributes.name), ["ledger"]);
});

test("on the page of the API a request that fails is said, and of two answers the newer one stands there", async () => {
  const answers = [later(), later()];
  let sent = 0;
  const say = (path) => {
    if (path === "/asyncapi") return FAILURES.unreachable();
    if (path === "/openapi.json") return { status: 200, body: { paths: { "/x": { get: { tags: ["t"], summary: "s" } } } } };
    return answers[sent++].promise;
  };
  const page = await open("docs.html", say);
  await rest();
  assert.ok(page.at("documents").alerts[0].includes(WORDS.en.unreachable));
  const [details] = page.at("routes").all((one) => one.tag === "details");
  details.open = true;
  details.fire("toggle");
  const send = details.button(WORDS.en.send);
  send.fire("click");
  send.fire("click");
  await rest();
  answers[1].come({ status: 200, body: { answer: "newer" } });
  answers[0].come({ status: 200, body: { answer: "older" } });
  await rest();
  assert.match(details.textContent, /newer/);
  assert.doesNotMatch(details.textContent, /older/);
  answers[2] = { promise: Promise.reject(new TypeError("Failed to fetch")) };
  send.fire("click");
  await rest();
  assert.ok(details.alerts[0].includes(WORDS.en.unreachable));
  assert.doesNotMatch(details.textContent, /newer/);
});
