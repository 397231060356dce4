"""Find customers by what people know of them.

The rows are asked and not the columns: a search is no criterion, whose answer is worth keeping, and finds everybody
at once, also whoever waits to be sealed or was erased.
"""

from __future__ import annotations

import re

from django.db.models import Q, TextField
from django.db.models.functions import Cast
from pyroaring import BitMap

from ingest.models import Customer, CustomerKind

SEARCHED = {
    CustomerKind.USER: ("metadata__email", "metadata__name"),
    CustomerKind.COMPANY: ("metadata__name", "company_domain"),
}
"""Where in a profile a text is looked for."""
_AS_STORED = re.compile(r"[\w@. -]+", re.ASCII)
"""Characters that JSON writes as they are in every database."""


def find_customers(kind: CustomerKind, text: str) -> BitMap:
    """Customers with the text in their id, name, or email address or domain, without regard to case."""
    text = text.replace("\0", "")
    said = Q()
    for path in SEARCHED[kind]:
        said |= Q(**{f"profile__{path}__icontains": text})
    # Looking at the whole profile first, as a text, spares taking most of them apart: a fifth of the time.
    holds = Q(whole__icontains=max(_AS_STORED.findall(text), key=len, default="")) & said
    found = Customer.objects.alias(whole=Cast("profile", TextField())).filter(
        Q(external_id__icontains=text) | holds, kind=kind
    )
    return BitMap(found.values_list("pk", flat=True).iterator())
