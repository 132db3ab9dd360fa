"""What a vendor's program does with the generated Python client: eight typed calls."""

import sys

from openapi_client import (
    AgencySystemsApi,
    ApiClient,
    ApiException,
    Configuration,
    DocumentsApi,
    LedgerApi,
    QuestionsOfBenefitPaymentApi,
    Receipt,
    StructuredMessage,
    SubmitReferralV1,
    SubmitReferralV1Event,
)

PATIENCE_S = 45.0
"""Longer than the longest `wait` and what an answer may take beyond it."""


def main(
    url: str, ledger: str, recipient: str, payee: str, token: str, referrer: str, code: str, its_token: str, wait_s: str
) -> None:
    """Prints what was answered, a line a call."""
    ours = ApiClient(Configuration(host=url, access_token=token))
    health = LedgerApi(ours).read_health(ledger=ledger)
    print("ledger", health.ledger.name, health.ledger.mode)
    documents = DocumentsApi(ours)
    name = documents.list_asyncapi().documents[0].address.rpartition("/")[2].removesuffix(".yaml")
    document = documents.read_asyncapi(name=name)
    print("document", len(document), document.decode("utf-8").partition("\n")[0])
    paid = QuestionsOfBenefitPaymentApi(ours).ke2_benefit_payment(ledger=ledger, recipient=recipient, client=payee)
    print("paid", paid.answer.days, paid.answer.amount_eur)
    theirs = AgencySystemsApi(ApiClient(Configuration(host=url, access_token=its_token)))
    message = referral("generated-python-1", code)
    receipt = theirs.send_message(ledger=ledger, recipient=referrer, structured_message=message, dry_run=True)
    print("referral", receipt.status)
    message = referral("generated-python-2", "nobody")
    try:
        theirs.send_message(ledger=ledger, recipient=referrer, structured_message=message, dry_run=True)
    except ApiException as refused:
        if not isinstance(refused.data, Receipt):
            raise  # a problem: nobody could read the message, or nobody is signed in
        for wrong in refused.data.codes or []:
            print("refused", wrong.code, wrong.text.fi)
    agency = AgencySystemsApi(ours)
    page = agency.read_publications(ledger=ledger, recipient=recipient, limit=500, wait=0)
    print("told", len(page.publications), page.publications[-1].hash)
    then = agency.read_publications(
        ledger=ledger, recipient=recipient, after=page.next, wait=float(wait_s), _request_timeout=PATIENCE_S
    )
    print("then", len(then.publications))


def referral(message_id: str, code: str) -> StructuredMessage:
    """Of somebody with this personal identity code."""
    said = SubmitReferralV1(identity_code=code, source="employment_authority", legal_basis="LB-189-PLAN")
    return StructuredMessage(
        SubmitReferralV1Event(specversion="1.0", id=message_id, type="submit_referral.v1", data=said)
    )


main(*sys.argv[1:10])
