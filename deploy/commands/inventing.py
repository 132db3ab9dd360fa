"""`kuty test-ids`: who one may be, and about whom one may speak, while nobody real is meant."""

from __future__ import annotations

import argparse

from deploy.agency.welcome import organisations
from deploy.demo import demo_given
from deploy.scenario.cast import Cast
from deploy.settings import Settings
from deploy.synthetic import fresh_business_ids, fresh_identity_codes


def test_ids(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print personal identity codes and business ids, one a line."""
    for code in fresh_identity_codes(arguments.count, arguments.seed):
        print(f"identity_code {code}")
    taken = set(Cast(demo_given()).organisations.values()) | organisations()
    for business_id in fresh_business_ids(arguments.count, arguments.seed, taken):
        print(f"business_id   {business_id}")
    return 0
