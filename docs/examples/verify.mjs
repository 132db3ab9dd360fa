// Checks an answer of `GET /ledgers/{ledger}/out/{recipient}` on standard input: each publication's hash, number, chain.
// The page after one that was checked: name the sequence and the hash that were said last, `verify.mjs 100 5d41…`.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

const page = JSON.parse(readFileSync(0, 'utf8'));
let [sequence, last] = process.argv.length > 3 ? [Number(process.argv[2]), process.argv[3]] : [0, ''];
const halt = (why) => { console.error(why); process.exit(1); };
for (const { headers, text, value, hash } of page.publications) {
  const lines = Object.keys(headers).sort().map((name) => `${name}\0${headers[name]}\n`).join('');
  const made = createHash('sha256').update(`${lines}\n${text}`, 'utf8').digest('hex');
  const follows = headers.ce_prevhash ?? '';
  if (made !== hash || !isDeepStrictEqual(JSON.parse(text), value))
    halt(`${headers.ce_logsequence} is not what its hash is over`);
  if (headers.ce_epoch !== String(page.epoch) || headers.ce_logsequence !== String(sequence + 1))
    halt(`${sequence + 1} of epoch ${page.epoch} is missing`);
  if (follows !== 'erased' && last !== 'erased' && follows !== last) halt(`${sequence + 1} does not follow the one before`);
  sequence += 1;
  last = follows === 'erased' && text === '{"kind":"withdrawn"}' ? 'erased' : made;
}
console.log(`epoch ${page.epoch} verifies to ${sequence} ${last}`);
