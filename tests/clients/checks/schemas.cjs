// Schemas as they are served, and records that name them, by a validator of JSON Schema that knows nothing of the product:
// once as who turns its strict mode off, once as who declares the words that are not the dialect's.
// Reads {schemas, records, words} and prints a list, one entry a fault.
const { readFileSync } = require('node:fs');
const Ajv2020 = require('ajv/dist/2020');
const addFormats = require('ajv-formats');

const { schemas, records, words } = JSON.parse(readFileSync(0, 'utf8'));
const lenient = addFormats(new Ajv2020({ strict: false }));
const strict = addFormats(new Ajv2020({ logger: false })).addVocabulary(words);
const faults = [];

// Either takes a schema only if it fits the dialect's own.
function compiled(ajv, address) {
  try {
    return ajv.getSchema(address) ?? ajv.compile(schemas[address]);
  } catch (why) {
    faults.push(`${address}: ${why.message}`);
  }
}

for (const address of Object.keys(schemas)) compiled(strict, address);
for (const { schema, value } of records) {
  if (!schemas[schema]) faults.push(`${schema}: is not served`);
  else {
    const validate = compiled(lenient, schema);
    if (validate && !validate(value)) faults.push(`${schema}: ${lenient.errorsText(validate.errors)}`);
  }
}
console.log(JSON.stringify(faults));
