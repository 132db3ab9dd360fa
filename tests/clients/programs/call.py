"""What a vendor's program does with the generated Python client: four typed calls."""

import sys

from openapi_client import (
    AgencySystemsApi,
    ApiClient,
    Configuration,
    LedgerApi,
    QuestionsOfBenefitPaymentApi,
    StructuredMessage,
    SubmitReferralV1,
    SubmitReferralV1Event,
)


def main(url: str, ledger: str, recipient: str, payee: str, token: str, referrer: str, code: str, its_token: str) -> None:
    """Prints what was answered, a line a call."""
    ours = ApiClient(Configuration(host=url, access_token=token))
    health = LedgerApi(ours).read_health(ledger=ledger)
    print("ledger", health.ledger.name, health.ledger.mode)
    paid = QuestionsOfBenefitPaymentApi(ours).ke2_benefit_payment(ledger=ledger, recipient=recipient, client=payee)
    print("paid", paid.answer.days, paid.answer.amount_eur)
    referral = SubmitReferralV1(identity_code=code, source="employment_authority", legal_basis="LB-189-PLAN")
    event = SubmitReferralV1Event(specversion="1.0", id="generated-python-1", type="submit_referral.v1", data=referral)
    theirs = AgencySystemsApi(ApiClient(Configuration(host=url, access_token=its_token)))
    receipt = theirs.send_message(
        ledger=ledger, recipient=referrer, structured_message=StructuredMessage(event), dry_run=True
    )
    print("referral", receipt.status)
    page = AgencySystemsApi(ours).read_publications(ledger=ledger, recipient=recipient, limit=500, wait=0)
    print("told", len(page.publications), page.publications[-1].hash)


main(*sys.argv[1:9])
