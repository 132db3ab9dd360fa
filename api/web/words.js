// What the pages say, in Finnish, Swedish and English.
export const WORDS = {
  fi: {
    skip: "Siirry sisältöön", tagline: "Asiakkaan polku kuntouttavassa työtoiminnassa: yhteistä ja todennettavaa tietoa",
    who: "1. Valitse, kuka olet", who_hint: "Kehitysympäristö antaa testitunnuksen. Jokainen näkee vain sen, mitä laki sallii.",
    person: "Henkilö", whom: "2. Valitse asiakas", whom_hint: "Asiakkaat, joista organisaatiosi on saanut tiedon: enintään 20 ensimmäistä.",
    nobody: "Organisaatiosi ei ole vielä saanut tietoa yhdestäkään asiakkaasta.",
    ask: "3. Kysy", ask_hint: "Kysymykset, joita tässä tehtävässä voi esittää. Vastaukset tulevat vain organisaation omista tiedoista.",
    on: "Tilanne päivänä", known_at: "Sellaisena kuin se tiedettiin", more: "Lisää", docs: "Rajapinnan kuvaus ja kokeilu",
    asyncapi: "Kafka: vastaanottajan oma AsyncAPI-kuvaus", asyncapi_hint: "Mitä tietojärjestelmä lähettää ja saa: oma kuvaus kunkinlaiselle vastaanottajalle.",
    footer: "Kaikki henkilöt ja tunnukset ovat keksittyjä.", simulated: "harjoitusrekisteri", live: "tuotantorekisteri",
    case: "Asia", state: "Vaihe", since: "Alkoi", worker: "Omatyöntekijä", benefit: "Etuus", period: "Jakso",
    next: "Seuraavaksi", nothing_due: "Ei avoimia tehtäviä.", by: "viimeistään", overdue: "myöhässä",
    history: "Aikajana", told: "Kenelle tietoa on annettu", told_hint: "Rivi on tapahtuma, sarake vastaanottaja. Luku kertoo, montako kertaa; osoita lukua nähdäksesi perusteen.",
    week: "Viikko työtoimintapaikassa", earlier: "Edellinen viikko", later: "Seuraava viikko", missing: "kirjaamatta", client: "Asiakas",
    in_service: "Palvelussa nyt", until: "Päättyy", process: "Prosessi", problem: "Toiminto ei onnistunut", recorded_by: "kirjasi",
    send: "Lähetä", body: "Sisältö (JSON)", path: "Osoite", key: "Idempotency-Key", token_needed: "Valitse ensin henkilö etusivulla.",
    loading: "Haetaan…", again: "Yritä uudelleen", nobody_to_be: "Testitunnuksia ei anneta tässä palvelussa. Käytä oman organisaatiosi tunnusta.",
    unreachable: "Palveluun ei saada yhteyttä.", unreachable_advice: "Tarkista verkkoyhteys ja yritä hetken kuluttua uudelleen.",
    late: "Palvelu ei vastannut ajoissa.", late_advice: "Yritä hetken kuluttua uudelleen.",
    unreadable: "Palvelun vastausta ei voitu lukea.", unreadable_advice: "Yritä hetken kuluttua uudelleen. Jos virhe toistuu, ilmoita siitä järjestelmän ylläpidolle.", back: "Etusivu", fact: "Tapahtuma",
  },
  sv: {
    skip: "Gå till innehållet", tagline: "Klientens väg i arbetsverksamhet i rehabiliteringssyfte: gemensam och verifierbar information",
    who: "1. Välj vem du är", who_hint: "Utvecklingsmiljön ger en testinloggning. Var och en ser bara det som lagen tillåter.",
    person: "Person", whom: "2. Välj klient", whom_hint: "Klienter som din organisation har fått veta om: högst de 20 första.",
    nobody: "Din organisation har ännu inte fått veta om någon klient.",
    ask: "3. Fråga", ask_hint: "Frågor som kan ställas i denna uppgift. Svaren kommer bara ur organisationens egna uppgifter.",
    on: "Läget den", known_at: "Så som det var känt den", more: "Mer", docs: "Beskrivning och provning av gränssnittet",
    asyncapi: "Kafka: mottagarens egen AsyncAPI-beskrivning", asyncapi_hint: "Vad ett informationssystem skickar och får: en egen beskrivning för varje slags mottagare.",
    footer: "Alla personer och beteckningar är påhittade.", simulated: "övningsregister", live: "produktionsregister",
    case: "Ärendet", state: "Skede", since: "Började", worker: "Egen kontaktperson", benefit: "Förmån", period: "Period",
    next: "Härnäst", nothing_due: "Inget att göra just nu.", by: "senast", overdue: "försenat",
    history: "Tidslinje", told: "Vem som har fått veta", told_hint: "Raden är en händelse, kolumnen en mottagare. Siffran visar hur många gånger; peka på den för att se grunden.",
    week: "Veckan på verksamhetsstället", earlier: "Föregående vecka", later: "Nästa vecka", missing: "inte antecknat", client: "Klient",
    in_service: "I tjänsten nu", until: "Slutar", process: "Processen", problem: "Det gick inte", recorded_by: "antecknat av",
    send: "Skicka", body: "Innehåll (JSON)", path: "Adress", key: "Idempotency-Key", token_needed: "Välj först en person på första sidan.",
    loading: "Hämtar…", again: "Försök igen", nobody_to_be: "Inga testinloggningar ges i den här tjänsten. Använd din egen organisations inloggning.",
    unreachable: "Tjänsten kan inte nås.", unreachable_advice: "Kontrollera nätanslutningen och försök igen om en stund.",
    late: "Tjänsten svarade inte i tid.", late_advice: "Försök igen om en stund.",
    unreadable: "Tjänstens svar kunde inte läsas.", unreadable_advice: "Försök igen om en stund. Upprepas felet, meddela systemadministratören.", back: "Första sidan", fact: "Händelse",
  },
  en: {
    skip: "Skip to content", tagline: "A client's path through rehabilitative work activity, shared and provable",
    who: "1. Choose who you are", who_hint: "The development issuer signs a token. Everybody sees only what the law lets them see.",
    person: "Person", whom: "2. Choose a client", whom_hint: "Clients that your organisation has been told of: the first 20 at most.",
    nobody: "Your organisation has not been told of any client yet.",
    ask: "3. Ask", ask_hint: "Questions that this task may ask. Answers come from the organisation's own model alone.",
    on: "As it was on", known_at: "As known at", more: "More", docs: "The API, described and to be tried",
    asyncapi: "Kafka: an AsyncAPI document for each kind of recipient", asyncapi_hint: "What a system sends and gets: one for each kind of recipient.",
    footer: "All persons and codes are invented.", simulated: "simulated ledger", live: "live ledger",
    case: "The case", state: "State", since: "Since", worker: "Own worker", benefit: "Benefit", period: "Period",
    next: "What to do next", nothing_due: "Nothing is left to do.", by: "by", overdue: "overdue",
    history: "Timeline", told: "Who was told", told_hint: "A row is a fact, a column a recipient. The figure says how many times; point at it for the legal basis.",
    week: "The week at the site", earlier: "Week before", later: "Week after", missing: "not recorded", client: "Client",
    in_service: "In the service now", until: "Until", process: "The process", problem: "That did not work", recorded_by: "recorded by",
    send: "Send", body: "Body (JSON)", path: "Path", key: "Idempotency-Key", token_needed: "Choose a person on the first page first.",
    loading: "Loading…", again: "Try again", nobody_to_be: "No development tokens are given here. Use a token of your own organisation.",
    unreachable: "The service cannot be reached.", unreachable_advice: "Check the connection and try again in a moment.",
    late: "The service did not answer in time.", late_advice: "Try again in a moment.",
    unreadable: "The answer of the service could not be read.", unreadable_advice: "Try again in a moment. If it happens again, tell the operator.", back: "First page", fact: "Fact",
  },
};

export const STATES = {
  fi: { referred: "lähete tehty", assessing: "arviointi", planning: "suunnitelma", placing: "päätös ja paikka", active: "jakso käynnissä", between_periods: "jaksojen välissä", closed: "päättynyt", not_open: "ei avoinna" },
  sv: { referred: "hänvisning gjord", assessing: "bedömning", planning: "plan", placing: "beslut och plats", active: "period pågår", between_periods: "mellan perioder", closed: "avslutat", not_open: "inte öppet" },
  en: { referred: "referred", assessing: "assessing", planning: "planning", placing: "decision, placement", active: "in a period", between_periods: "between periods", closed: "closed", not_open: "not open" },
};

export function language() {
  const kept = localStorage.getItem("language");
  const asked = kept || navigator.language.slice(0, 2);
  return WORDS[asked] ? asked : "en";
}

export const word = (name) => WORDS[language()][name] || name;

export function speak(root = document) {
  document.documentElement.lang = language();
  root.querySelectorAll("[data-word]").forEach((node) => { node.textContent = word(node.dataset.word); });
  root.querySelectorAll("[data-language]").forEach((node) => {
    node.setAttribute("aria-pressed", String(node.dataset.language === language()));
  });
}

export function label(coded) {
  return coded ? coded[language()] || coded.code : "–";
}

export function make(name, attributes = {}, ...children) {
  const svg = ["svg", "rect", "text", "path", "g", "title"].includes(name) && attributes.svg;
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "svg" || value === undefined) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const LONGEST_MS = 60000; // longer than any answer of the API takes on purpose

// What is said of an answer that came, and holds something else than was asked for.
export const UNREADABLE = { ok: false, status: 0, content: {}, failed: "unreadable" };

// Ask the API. Never throws: an answer that did not come, or is no JSON, is not ok and says in `failed` which word tells it.
export async function call(path, { token, method = "GET", body, headers = {}, signal } = {}) {
  const named = { "Accept-Language": language(), ...headers };
  if (token) named.Authorization = `Bearer ${token}`;
  if (body !== undefined) named["Content-Type"] = "application/json";
  const late = AbortSignal.timeout(LONGEST_MS);
  const nothing = (failed, status = 0) => ({ ok: false, status, content: {}, headers: new Headers(), failed });
  let answer, text;
  try {
    answer = await fetch(path, { method, headers: named, body, signal: signal ? AbortSignal.any([signal, late]) : late });
    text = await answer.text();
  } catch {
    return nothing(late.aborted ? "late" : "unreachable");
  }
  let content = null;
  try { content = JSON.parse(text); } catch { /* told below */ }
  if (content === null || typeof content !== "object") return nothing("unreadable", answer.status);
  return { ok: answer.ok, status: answer.status, content, headers: answer.headers };
}

// What a description says in one place and names in another: the thing itself.
export function meant(document, one) {
  return one && one.$ref ? one.$ref.slice(2).split("/").reduce((at, step) => at[step], document) : one;
}

// Only the newest request of a kind may write into the page. Beginning one lets go of the one before, and of all that hang on
// it; whoever waited for an answer looks at its signal before writing.
export function turns(hanging = {}) {
  const newest = {};
  return (kind) => {
    for (const one of [kind, ...(hanging[kind] || [])]) {
      newest[one]?.abort();
      newest[one] = new AbortController();
    }
    return newest[kind].signal;
  };
}

// A failed request in words, with what to do; `again` asks once more.
export function problem(answer, again) {
  const codes = answer.content.codes || [];
  const failed = answer.failed || "unreadable";
  const said = codes.map((code) => `${code.code}: ${code.text} ${code.what_to_do}`).join(" ")
    || `${word(failed)} ${word(`${failed}_advice`)}${answer.status ? ` (${answer.status})` : ""}`;
  return make("div", { class: "problem", role: "alert" }, make("p", {}, `${word("problem")}. ${said}`),
    again ? make("button", { type: "button", onclick: again }, word("again")) : null);
}
