// What the official parser finds in AsyncAPI documents: prints a list, one entry a finding.
const { readFileSync } = require('node:fs');
const { Parser } = require('@asyncapi/parser');

const SEVERITIES = ['error', 'warning', 'information', 'hint'];
// That a newer version of the specification is out is no fault of a document: what reads 3.0 reads these.
const NOT_OF_THE_DOCUMENT = new Set(['asyncapi-latest-version']);

async function main(files) {
  const findings = [];
  for (const file of files) {
    const { diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
    for (const { code, severity, message, path } of diagnostics) {
      const found = `${file}: ${SEVERITIES[severity]} ${code} at /${path.join('/')}: ${message}`;
      if (!NOT_OF_THE_DOCUMENT.has(code)) findings.push(found);
    }
  }
  console.log(JSON.stringify(findings));
}

main(process.argv.slice(2));
