"""Each upload, and nothing else, reaches the app's function; what cannot be delivered is kept."""

import ast
import re

from devstack.machine.setup import ROOT
from shared.storage.names import INCOMING
from tests.support.bicep import TEMPLATES, Prediction


def blob_function() -> str:
    """Return the name of the function that an upload starts."""
    tree = ast.parse((ROOT / "function_app.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    (name,) = [f.name for f in functions if "app.blob_trigger(" in "".join(map(ast.unparse, f.decorator_list))]
    return name


def test_the_topic_is_the_pictures_accounts(prediction: Prediction) -> None:
    topic = prediction.one("EventGrid/systemTopics")
    assert topic["properties"] == {
        "source": prediction.account("stpics")["id"],
        "topicType": "Microsoft.Storage.StorageAccounts",
    }
    assert topic["identity"] == {"type": "SystemAssigned"}


def test_events_go_to_the_function_of_the_app(prediction: Prediction) -> None:
    destination = prediction.one("EventGrid/systemTopics/eventSubscriptions")["properties"]["destination"]
    assert destination["endpointType"] == "WebHook"
    app = prediction.app["id"]
    assert re.fullmatch(
        r"\[format\('https://\{0\}/runtime/webhooks/blobs\?functionName=Host\.Functions\."
        rf"{blob_function()}&code=\{{1\}}', reference\('{app}', '[\d-]+'\)\.defaultHostName, "
        rf"listKeys\('{app}/host/default', '[\d-]+'\)\.systemKeys\.blobs_extension\)\]",
        destination["properties"]["endpointUrl"],
    )
    assert destination["properties"]["maxEventsPerBatch"] == 1


def test_only_finished_uploads_raise_an_event(prediction: Prediction) -> None:
    subscription = prediction.one("EventGrid/systemTopics/eventSubscriptions")["properties"]
    assert subscription["eventDeliverySchema"] == "EventGridSchema"
    assert subscription["filter"] == {
        "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
        "subjectBeginsWith": f"/blobServices/default/containers/{INCOMING}/",
        "isSubjectCaseSensitive": True,
        "advancedFilters": [
            {"operatorType": "StringNotIn", "key": "data.api", "values": ["CreateFile", "SftpCreate"]},
        ],
    }


def test_undelivered_events_are_kept_for_a_look(prediction: Prediction) -> None:
    subscription = prediction.one("EventGrid/systemTopics/eventSubscriptions")["properties"]
    assert subscription["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}
    dead_letter = subscription["deadLetterWithResourceIdentity"]
    assert dead_letter["identity"] == {"type": "SystemAssigned"}
    destination = dead_letter["deadLetterDestination"]
    pictures = prediction.account("stpics")
    assert destination["endpointType"] == "StorageBlob"
    assert destination["properties"]["resourceId"] == pictures["id"]
    container = destination["properties"]["blobContainerName"]
    assert container in prediction.children(pictures, "blobServices/containers")


def test_the_subscription_is_a_stage_of_its_own() -> None:
    """Its key exists only when the code has been deployed, so the first stage must not ask for it."""
    main = (ROOT / TEMPLATES / "main.bicep").read_text(encoding="utf-8")
    assert "module eventSubscription 'modules/event_subscription.bicep' = if (createEventSubscription) {" in main
    asking = [
        path.name for path in (ROOT / TEMPLATES).rglob("*.bicep") if "listKeys(" in path.read_text(encoding="utf-8")
    ]
    assert asking == ["event_subscription.bicep"]
