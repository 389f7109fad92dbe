"""The composition root: everything that lives once per process is made here."""

import logging

from azure.storage.blob import ExponentialRetry

from shared import identity, quiet, storage
from shared.business_central import BusinessCentral
from shared.calls import Caller, Timeouts
from shared.config import Settings
from shared.memory import MemoryGate
from shared.moves import Mover
from shared.pipeline import Pipeline
from shared.placement import Placement
from shared.records import ItemRecords
from shared.storage import PictureStorage
from shared.transport import Gate


def build(settings: Settings, *, gate: Gate | None = None, timeouts: Timeouts | None = None) -> Pipeline:
    """Return the pipeline that ``settings`` describe; nothing is connected to before the first upload."""
    logging.getLogger("azure").setLevel(logging.WARNING)  # at INFO it logs every header of every request
    quiet.silence_pillow()
    credential = identity.for_storage(settings)
    # The SDK's own defaults wait 15 s and longer; uploads come by the hundred, and the host delivers again.
    retry = ExponentialRetry(initial_backoff=1, increment_base=2, random_jitter_range=1, retry_total=3)
    service = storage.connect(settings.storage, credential, retry)
    bc, gate = settings.business_central, gate or Gate()
    caller = Caller(identity.for_business_central(settings), gate, timeouts or Timeouts())
    business_central = BusinessCentral(bc.base_url, bc.api_version, caller, gate)
    pictures, mover = PictureStorage(service), Mover(service, credential)
    records = ItemRecords(service, bc.environment)
    placement = Placement(business_central, pictures, records, mover, gate, settings.keep_existing)
    memory = MemoryGate(settings.render_memory)
    return Pipeline(settings, pictures, mover, business_central, records, placement, memory)
