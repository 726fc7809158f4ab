"""The WSGI entry point."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from campaigns.services.installation import may_start  # noqa: E402 - needs the models

# A server takes this exception for the end of the start, and tells it. While the database is
# away pages answer with an error and /readyz says why.
may_start()
