"""The composition root: makes everything that lives once per process, and hands each part plain values."""

import hashlib
import logging
from dataclasses import dataclass

from azure.core.credentials import TokenCredential
from azure.storage.blob import BlobServiceClient, ExponentialRetry

from shared import __version__, identity, telemetry
from shared.business_central.client import BusinessCentral
from shared.business_central.http import HttpClient, Timeouts
from shared.business_central.retries import Throttle
from shared.config import Settings
from shared.pictures import allocator, pillow_logging
from shared.pictures.memory import MemoryBudget
from shared.pipeline import Pipeline
from shared.placement import Placement
from shared.render_process import RenderProcesses
from shared.rendering import Renderer
from shared.replay import Replay
from shared.storage import uploads
from shared.storage.archive import Archive
from shared.storage.incoming import Incoming
from shared.storage.moves import Mover
from shared.storage.originals import Originals
from shared.storage.records import ItemRecords
from shared.storage.settling_marks import SettlingMarks
from shared.storage.sweep_states import SweepStates
from shared.sweep import Sweep
from shared.telemetry import Telemetry


@dataclass(frozen=True)
class App:
    """Everything that lives once per process, as the triggers use it."""

    pipeline: Pipeline
    sweep: Sweep
    replay: Replay
    telemetry: Telemetry


def build(settings: Settings, *, throttle: Throttle | None = None, timeouts: Timeouts | None = None) -> App:
    """Return the app that ``settings`` describe; nothing connects before the first upload or sweep."""
    logging.getLogger("azure").setLevel(logging.WARNING)  # at INFO it logs every header of every request
    pillow_logging.silence_pillow()
    allocator.keep_freed_memory()
    bc, throttle = settings.business_central, throttle or Throttle()
    http = HttpClient(_business_central_credential(settings), throttle, timeouts or Timeouts())
    business_central = BusinessCentral(bc.base_url, bc.api_version, http, throttle.clock)
    credential = _storage_credential(settings)
    # The SDK's own defaults wait 15 s and longer; uploads come by the hundred, and the host delivers again.
    retry = ExponentialRetry(initial_backoff=1, increment_base=2, random_jitter_range=1, retry_total=3)
    service = uploads.connect(
        settings.storage.blob_service_uri,
        credential,
        retry,
        connection_string=settings.storage.connection_string,
    )
    pictures, mover = uploads.PictureStorage(service), Mover(service, credential)
    archive, records = Archive(mover), ItemRecords(service, bc.environment)
    marks = SettlingMarks(service, bc.environment)
    traces = telemetry.connect(is_on=settings.has_telemetry)
    placement = Placement(business_central, pictures, records, archive, throttle, settings.keep_existing, marks)
    renderer = Renderer(settings.rendition, settings.limits, MemoryBudget(settings.render_memory))
    pipeline = Pipeline(settings, pictures, archive, business_central, records, placement, renderer, traces)
    replay = Replay(
        pictures, Originals(service), mover, records, business_central, settings.templates, bc.company or None
    )
    return App(pipeline, _sweep(pipeline, service, throttle), replay, traces)


def _sweep(pipeline: Pipeline, service: BlobServiceClient, throttle: Throttle) -> Sweep:
    settings, bc = pipeline.settings, pipeline.settings.business_central
    states = SweepStates(service, bc.environment)
    # Which item an upload means; under other settings, BC's earlier answers do not count.
    meaning = (__version__, bc.base_url, bc.company, *(template.text for template in settings.templates))
    setup = hashlib.sha256(repr(meaning).encode()).hexdigest()[:16]

    def renderers() -> RenderProcesses:
        return RenderProcesses(settings.rendition, settings.limits, settings.render_memory)

    return Sweep(pipeline, Incoming(service), states, renderers, throttle.clock, setup)


def _business_central_credential(settings: Settings) -> TokenCredential:
    bc = settings.business_central
    own = identity.own_identity(bc.client_id, is_development=settings.is_development)
    if bc.federated_client_id:
        return identity.app_registration(str(bc.tenant_id), bc.federated_client_id, own)
    return own


def _storage_credential(settings: Settings) -> TokenCredential | None:
    """Return None where a connection string opens the account."""
    if settings.storage.connection_string:
        return None
    return identity.own_identity(settings.storage.client_id, is_development=settings.is_development)
