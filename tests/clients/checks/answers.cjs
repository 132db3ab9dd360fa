// Answers of a running server against the document, by a validator of JSON Schema that knows nothing of the product.
// Reads {document, answers} and prints a list, one entry a fault.
const { readFileSync } = require('node:fs');
const Ajv = require('ajv/dist/2020');
const addFormats = require('ajv-formats');

const { document, answers } = JSON.parse(readFileSync(0, 'utf8'));
const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));
ajv.addSchema(document, 'document');

// What stands at a place of the document, through references, and the place where it really stands.
function found(place) {
  const at = place.reduce((part, step) => part?.[step], document);
  return at?.$ref ? found(at.$ref.slice(2).split('/')) : { at, place };
}

const pointed = (step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'));
const pointer = (place) => place.map(pointed).join('/');

function* faults({ path, method, status, headers, text }) {
  const { at: described, place } = found(['paths', path, method, 'responses', String(status)]);
  if (!described) return yield `${status} is not described`;
  for (const name of Object.keys(described.headers ?? {})) {
    const { at: header, place: where } = found([...place, 'headers', name]);
    const value = headers[name.toLowerCase()];
    if (value === undefined) {
      if (header.required) yield `the header ${name} is not sent`;
      continue;
    }
    const typed = found([...where, 'schema']).at.type === 'integer' ? Number(value) : value;
    if (!ajv.validate({ $ref: `document#/${pointer([...where, 'schema'])}` }, typed)) yield `${name}: ${ajv.errorsText()}`;
  }
  const type = (headers['content-type'] ?? '').split(';')[0];
  if (!described.content?.[type]) return yield `${type} is not described`;
  const schema = `document#/${pointer([...place, 'content', type, 'schema'])}`;
  if (!ajv.validate({ $ref: schema }, JSON.parse(text))) yield ajv.errorsText();
}

const all = answers.flatMap((answer) => [...faults(answer)].map((fault) => `${answer.method} ${answer.path}: ${fault}`));
console.log(JSON.stringify(all));
