// Checks an answer of `GET /ledgers/{ledger}/out/{recipient}` on standard input: each publication's hash, number, chain.
// The page after one that was checked: name the epoch, sequence and hash that were said last, `verify.mjs 1 100 5d41…`.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

const given = process.argv.slice(2);
let [known, sequence, last] = given.length > 2 ? [Number(given[0]), Number(given[1]), given[2]] : [0, 0, ''];
const halt = (why) => { console.error(why); process.exit(1); };
const answer = readFileSync(0, 'utf8');
let page = null;
try { page = JSON.parse(answer); } catch { /* as what has no publications */ }
if (!page?.publications) halt(`no publications came, but: ${answer}`);
const { epoch, publications } = page;
if (epoch < known) halt(`epoch ${epoch} comes behind epoch ${known}`);
if (epoch > known) [sequence, last] = [0, '']; // everything once more, from 1
for (const { headers, text, value, hash } of publications) {
  const lines = Object.keys(headers).sort().map((name) => `${name}\0${headers[name]}\n`).join('');
  const made = createHash('sha256').update(`${lines}\n${text}`, 'utf8').digest('hex');
  const follows = headers.ce_prevhash ?? '';
  if (made !== hash || !isDeepStrictEqual(JSON.parse(text), value))
    halt(`${headers.ce_logsequence} is not what its hash is over`);
  if (headers.ce_epoch !== String(epoch) || headers.ce_logsequence !== String(sequence + 1))
    halt(`${sequence + 1} of epoch ${epoch} is missing`);
  if (follows !== 'erased' && last !== 'erased' && follows !== last) halt(`${sequence + 1} does not follow the one before`);
  sequence += 1;
  last = follows === 'erased' && text === '{"kind":"withdrawn"}' ? 'erased' : made;
}
console.log(`epoch ${epoch} verifies to ${sequence} ${last}`);
