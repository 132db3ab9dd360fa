"""Checks an answer of `GET /ledgers/{ledger}/out/{recipient}` on standard input: each publication's hash, number, chain.

The page after one that was checked: name the sequence and the hash that were said last, `verify.py 100 5d41…`.
"""

import hashlib
import json
import sys

NO_CONTENT = '{"kind":"withdrawn"}'
page = json.load(sys.stdin)
sequence, last = (int(sys.argv[1]), sys.argv[2]) if len(sys.argv) > 2 else (0, "")
for one in page["publications"]:
    headers, text = one["headers"], one["text"]
    lines = "".join(f"{name}\0{headers[name]}\n" for name in sorted(headers))
    made, follows = hashlib.sha256(f"{lines}\n{text}".encode()).hexdigest(), headers.get("ce_prevhash", "")
    if made != one["hash"] or json.loads(text) != one["value"]:
        sys.exit(f"{headers['ce_logsequence']} is not what its hash is over")
    if headers["ce_epoch"] != str(page["epoch"]) or headers["ce_logsequence"] != str(sequence + 1):
        sys.exit(f"{sequence + 1} of epoch {page['epoch']} is missing")
    if "erased" not in (follows, last) and follows != last:
        sys.exit(f"{sequence + 1} does not follow the one before")
    sequence, last = sequence + 1, "erased" if (follows, text) == ("erased", NO_CONTENT) else made
print(f"epoch {page['epoch']} verifies to {sequence} {last}")
