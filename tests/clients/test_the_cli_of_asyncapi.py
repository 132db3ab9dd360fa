"""The command line of AsyncAPI says of each document what the parser says.

It asks the parser of `test_documents.py`, and brings four hundred megabytes for it: `make contracts CLI=1` fetches it. Where
it was fetched it is asked at every change.
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path


def test_the_command_line_of_asyncapi_finds_nothing_in_any_document_and_a_fault_where_one_is(
    cli_said: Future[dict[str, int]], asyncapi: list[Path]
) -> None:
    ends = cli_said.result()
    assert len(ends) == len(asyncapi) + 1
    assert {document for document, end in ends.items() if end == 0} == {str(path) for path in asyncapi}
