"""WSGI entry point: `granian --interface wsgi cohortsite.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cohortsite.settings")
application = get_wsgi_application()

from cohortsite.presence import SITE, announce  # noqa: E402 - models are loaded only now

announce(SITE, timezone.now())
