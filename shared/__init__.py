"""Item Picture Sync: product images from a blob container onto the items of Business Central."""

import logging

__version__ = "0.1.0"

# The worker has started live metrics, which no setting switches off. They print a traceback whenever their endpoint is
# down, first after a second: so they are silenced before the rest of the app is loaded.
logging.getLogger("azure.monitor.opentelemetry.exporter._quickpulse").setLevel(logging.CRITICAL + 1)
