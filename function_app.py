"""Declares the triggers; ``shared/pipeline.py`` does the work."""

import os

import azure.functions as func
from azurefunctions.extensions.bindings import blob

from shared import config, wiring
from shared.storage.names import INCOMING

settings = config.read(os.environ)
pipeline = wiring.build(settings)
app = func.FunctionApp()


# The event subscription's URL contains this function's name.
@app.blob_trigger(
    arg_name="picture",
    path=f"{INCOMING}/{{name}}",
    connection="PICTURE_STORAGE",
    source=func.BlobSource(settings.trigger_source),
)
def item_picture_uploaded(picture: blob.BlobClient) -> None:
    """Put one uploaded picture onto its item; ``picture`` is a reference, the pipeline reads the bytes itself."""
    pipeline.process(picture.container_name, picture.blob_name)
