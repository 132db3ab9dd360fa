"""Checks an answer of `GET /ledgers/{ledger}/out/{recipient}` on standard input: each publication's hash, number, chain.

The page after one that was checked: name the epoch, sequence and hash that were said last, `verify.py 1 100 5d41…`.
"""

import hashlib
import json
import re
import sys

NO_CONTENT = '{"kind":"withdrawn"}'


def once(pairs):  # else one reader takes the first of two, another one the last
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name comes twice")
    return dict(pairs)


given = sys.argv[1:]
if given and not (len(given) == 3 and re.fullmatch("[0-9]+ [0-9]+ (-|erased|[0-9a-f]{64})", " ".join(given))):
    sys.exit("name no place, or epoch, sequence and hash, - where there is none yet")
known, sequence, last = (int(given[0]), int(given[1]), given[2].strip("-")) if given else (0, 0, "")
answer = sys.stdin.buffer.read()  # the bytes as they came, whatever letters the terminal has
try:
    page = json.loads(answer.decode(), object_pairs_hook=once)
    epoch, publications = page["epoch"], page["publications"]
    if type(epoch) is not int or type(publications) is not list:
        raise TypeError
except (ValueError, KeyError, TypeError):
    sys.exit(f"no publications came, but: {answer.decode(errors='replace')}")
if epoch < known:
    sys.exit(f"epoch {epoch} comes behind epoch {known}")
if epoch > known:  # everything once more, from 1
    sequence, last = 0, ""
unchecked = 0
for one in publications:
    headers, text = one["headers"], one["text"]
    lines = "".join(f"{name}\0{headers[name]}\n" for name in sorted(headers))
    made = hashlib.sha256(f"{lines}\n{text}".encode(errors="surrogatepass")).hexdigest()  # half a letter is none of UTF-8
    texts = {type(each) for each in (text, *headers.values())} == {str}
    one_way = lines.count("\0") == lines.count("\n") == len(headers)  # else one header could stand within another
    if not texts or not one_way or made != one["hash"]:
        sys.exit(f"{sequence + 1} is not what its hash is over")
    said, read = (json.dumps(value, sort_keys=True) for value in (json.loads(text), one["value"]))  # else True would be 1
    if said != read:
        sys.exit(f"{sequence + 1} is not what its hash is over")
    if headers.get("ce_epoch") != str(epoch) or headers.get("ce_logsequence") != str(sequence + 1):
        sys.exit(f"{sequence + 1} of epoch {epoch} is missing")
    follows = headers.get("ce_prevhash", "")
    if "erased" not in (follows, last) and follows != last:
        sys.exit(f"{sequence + 1} does not follow the one before")
    unchecked += "erased" in (follows, last)  # anybody may write that a key was destroyed
    sequence, last = sequence + 1, "erased" if (follows, text) == ("erased", NO_CONTENT) else made
if unchecked:
    print(f"joins not checked: {unchecked}")
print(f"epoch {epoch} verifies to {sequence} {last or '-'}")
