"""Checks an answer of `GET /ledgers/{ledger}/out/{recipient}` on standard input: each publication's hash, number, chain.

The page after one that was checked: name the epoch, sequence and hash that were said last, `verify.py 1 100 5d41…`.
"""

import hashlib
import json
import sys

NO_CONTENT = '{"kind":"withdrawn"}'
known, sequence, last = (int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]) if len(sys.argv) > 3 else (0, 0, "")
answer = sys.stdin.buffer.read()  # the bytes as they came, whatever letters the terminal has
try:
    page = json.loads(answer)
    epoch, publications = page["epoch"], page["publications"]
except (ValueError, KeyError, TypeError):
    sys.exit(f"no publications came, but: {answer.decode(errors='replace')}")
if epoch < known:
    sys.exit(f"epoch {epoch} comes behind epoch {known}")
if epoch > known:  # everything once more, from 1
    sequence, last = 0, ""
for one in publications:
    headers, text = one["headers"], one["text"]
    lines = "".join(f"{name}\0{headers[name]}\n" for name in sorted(headers))
    made, follows = hashlib.sha256(f"{lines}\n{text}".encode()).hexdigest(), headers.get("ce_prevhash", "")
    said, read = (json.dumps(value, sort_keys=True) for value in (json.loads(text), one["value"]))  # else True would be 1
    if made != one["hash"] or said != read:
        sys.exit(f"{headers['ce_logsequence']} is not what its hash is over")
    if headers["ce_epoch"] != str(epoch) or headers["ce_logsequence"] != str(sequence + 1):
        sys.exit(f"{sequence + 1} of epoch {epoch} is missing")
    if "erased" not in (follows, last) and follows != last:
        sys.exit(f"{sequence + 1} does not follow the one before")
    sequence, last = sequence + 1, "erased" if (follows, text) == ("erased", NO_CONTENT) else made
print(f"epoch {epoch} verifies to {sequence} {last}")
