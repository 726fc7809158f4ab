"""The WSGI entry point."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from importlib import import_module  # noqa: E402

from django.conf import settings  # noqa: E402

from campaigns.dispatch.collector import relax  # noqa: E402 - needs the models
from campaigns.services.installation import may_start  # noqa: E402

# The first request need not wait for the pages to be imported, nor any later one for the collector
# to look through all that was: that is a tenth of a second, in the midst of a page.
import_module(settings.ROOT_URLCONF)
relax()

# A server takes this exception for the end of the start, and tells it. While the database is
# away pages answer with an error and /readyz says why.
may_start()
