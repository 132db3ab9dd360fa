// Checks an answer of `GET /ledgers/{ledger}/out/{recipient}` on standard input: each publication's hash, number, chain.
// The page after one that was checked: name the epoch, sequence and hash that were said last, `verify.mjs 1 100 5d41…`.
// Needs Node 22 or later.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

const halt = (why) => { console.error(why); process.exit(1); };
// Each number as it is written, for there are more than JavaScript has; and no name twice, which its reader allows.
const read = (json) => {
  let named = -1; // the whole has a name, too
  const found = JSON.parse(json, function (name, value, of) {
    named += !Array.isArray(this);
    return typeof value === 'number' ? Symbol.for(of.source) : value;
  });
  if (named !== [...json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter((text) => text[1]).length) throw new Error('twice');
  return found;
};

const given = process.argv.slice(2);
if (given.length && !(given.length === 3 && /^[0-9]+ [0-9]+ (-|erased|[0-9a-f]{64})$/.test(given.join(' '))))
  halt('name no place, or epoch, sequence and hash, - where there is none yet');
let [known, sequence, last] = given.length ? [Number(given[0]), Number(given[1]), given[2].replace('-', '')] : [0, 0, ''];
const answer = readFileSync(0);
let page = null;
try { page = read(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(answer)); } catch { /* none came */ }
const epoch = typeof page?.epoch === 'symbol' ? Number(page.epoch.description) : NaN;
if (!Number.isSafeInteger(epoch) || page.epoch.description !== String(epoch) || !Array.isArray(page.publications))
  halt(`no publications came, but: ${answer}`);
if (epoch < known) halt(`epoch ${epoch} comes behind epoch ${known}`);
if (epoch > known) [sequence, last] = [0, '']; // everything once more, from 1
let unchecked = 0;
for (const { headers, text, value, hash } of page.publications) {
  const one = Object.entries(headers).flat();
  // Nothing but text, and no header within another.
  if (![...one, text].every((each) => typeof each === 'string') || /[\0\n]/.test(one.join('')))
    halt(`${sequence + 1} is not what its hash is over`);
  const over = `${Object.keys(headers).sort().map((name) => `${name}\0${headers[name]}\n`).join('')}\n${text}`;
  const made = createHash('sha256').update(over, 'utf8').digest('hex');
  const follows = headers.ce_prevhash ?? '';
  if (!over.isWellFormed() || made !== hash || !isDeepStrictEqual(read(text), value))
    halt(`${sequence + 1} is not what its hash is over`);
  if (headers.ce_epoch !== String(epoch) || headers.ce_logsequence !== String(sequence + 1))
    halt(`${sequence + 1} of epoch ${epoch} is missing`);
  if (follows !== 'erased' && last !== 'erased' && follows !== last) halt(`${sequence + 1} does not follow the one before`);
  if (follows === 'erased' || last === 'erased') unchecked += 1; // anybody may write that a key was destroyed
  sequence += 1;
  last = follows === 'erased' && text === '{"kind":"withdrawn"}' ? 'erased' : made;
}
if (unchecked) console.log(`joins not checked: ${unchecked}`);
console.log(`epoch ${epoch} verifies to ${sequence} ${last || '-'}`);
