"""What an installation sets about the tax portal's files, in the documents' own terms."""

from config.settings import Settings
from documents.gstr1 import PortalSettings
from documents.gstr1.filing import HSN_MASTER


def portal_settings(settings: Settings) -> PortalSettings:
    """The same for the command line and for exports by the worker."""
    return PortalSettings(
        version=settings.gstr1_version,
        zero_rated_at_nil=settings.gstr1_zero_rated_at_nil,
        sandbox=settings.gst_sandbox,
        hsn_descriptions={**HSN_MASTER, **settings.sac_descriptions},
    )
